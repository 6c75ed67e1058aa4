"""Each stage is killed during a run, and its successor resumes its work."""

import os
import re
import shutil
import signal
import threading
from pathlib import Path

import pytest

from pipeline.signals import IGNORED_SIGNALS
from pipeline.supervision.commands import add_stream, find_run, remove_stream
from pipeline.transport.logbook import Logbook, SharedNumber
from pipeline.transport.subscription import subscribe
from stages.detector.shipped import find_weights
from stages.records import EndOfStream, Tracks
from stages.result_files import files_of, read_report
from stages.sink.folder_contents import CHECKPOINT, JOURNAL
from tests.pipeline.disturbed import (
    held_back,
    kill,
    overlay_frames,
    settings,
    texts_in,
    times_in,
    tracks_in,
)
from tools.harness.material import detections_setting, make_clip
from tools.harness.runner import run_with

STAGES = ("decoder of clip", "detector", "tracker", "sink")


@pytest.fixture(scope="module")
def calm(clip, tmp_path_factory):
    folder = tmp_path_factory.mktemp("calm")
    run_with([str(clip)], folder, settings(clip))
    return texts_in(folder / "clip")


@pytest.mark.parametrize("names", [*((stage,) for stage in STAGES), ("sink", "tracker", "sink")])
def test_lossless_results_match_those_of_an_undisturbed_run(clip, calm, tmp_path, names):
    harm = kill(*names, at=[20, 60, 100][: len(names)])
    slow = settings(clip, detections_setting(clip, delay_ms=8))
    result = run_with([str(clip)], tmp_path, slow, harm)
    assert set(result.restarts) == set(names)
    folder = tmp_path / "clip"
    assert len(calm) == 7 * 3  # kinds of text results, in parts of two seconds
    for kind in ("crossings", "zones", "ground", "kitti"):
        assert any(calm[name] for name in calm if name.startswith(kind))
    assert any(b",stay," in rows for rows in calm.values())
    assert texts_in(folder) == calm
    assert overlay_frames(folder) == 150
    assert not [path.name for path in folder.iterdir() if path.name.startswith(".")]


def test_ignored_signals_disturb_no_process(clip, calm, tmp_path):
    def harm(victim):
        for number, frames in zip(IGNORED_SIGNALS, (20, 60), strict=True):
            victim.wait(lambda frames=frames: victim.frames() >= frames)
            for pid in (os.getpid(), *victim.supervisor.processes().values()):
                os.kill(pid, number)

    slow = settings(clip, detections_setting(clip, delay_ms=8))
    result = run_with([str(clip)], tmp_path, slow, harm)
    assert result.restarts == {}
    assert texts_in(tmp_path / "clip") == calm


@pytest.mark.parametrize("name", STAGES)
def test_live_streams_continue_with_new_ids_and_report_what_is_missing(clip, tmp_path, name):
    live = settings(clip, "decoder.pace=original", "runtime.mode=live")
    found, victims = [], []

    def harm(victim):
        victims.append(victim)
        kill(name, at=[60])(victim)
        found.extend(path.name for path in (tmp_path / "clip").iterdir())

    result = run_with([str(clip)], tmp_path, live, harm)
    assert result.restarts == {name: 1}
    assert not any("detections are made by" in line for line in victims[0].notices)
    assert {CHECKPOINT, JOURNAL} <= set(found)
    folder = tmp_path / "clip"
    report = read_report(folder)
    frames = report["frames"]
    assert (report["status"], report["message"]) == ("complete", "")
    assert (frames["in"], frames["missing"]) == (150, 0)
    assert frames["out"] + report["dropped"]["total"] == 150
    assert frames["out"] >= 50
    assert set(report["dropped"]["by_reason"]) <= {"stages behind", "decoder restarted"}
    assert overlay_frames(folder) == frames["out"]
    rows = tracks_in(folder)
    assert len({(row[0], row[1]) for row in rows}) == len(rows)
    times = dict(times_in(folder))
    assert len(times) == len(times_in(folder)) == frames["out"]
    assert {int(row[0]) for row in rows} <= times.keys()
    if name == "tracker":
        before = {int(row[1]) for row in rows if int(row[0]) < 60}
        after = {int(row[1]) for row in rows if int(row[0]) > 120}
        assert not before & after


@pytest.mark.parametrize("mode", ["lossless", "live"])
def test_frames_written_while_a_tracker_starts_do_not_stall_the_stream(
    clip, calm, tmp_path, in_workers, mode
):
    """A tracker that has joined learns only later from which result it has to continue."""
    in_workers(
        f"""
import time
from pathlib import Path
from pipeline.workers import tracker

def ready(stage, folder=Path({str(tmp_path)!r}), ready=tracker.Ready):
    if (folder / "killed").exists():
        (folder / "joined").touch()
        while not (folder / "go").exists():
            time.sleep(0.01)
    return ready(stage)

tracker.Ready = ready
"""
    )

    def harm(victim):
        victim.wait(lambda: victim.frames() >= 40)
        processes = victim.supervisor.processes()
        os.kill(processes["sink"], signal.SIGSTOP)
        logbook = Logbook(f"{victim.folder}/logbook-0")
        before = logbook[SharedNumber.ACKNOWLEDGED]
        victim.over.wait(1)  # the tracker sends what the sink will take
        (tmp_path / "killed").touch()
        os.kill(processes["tracker"], signal.SIGKILL)
        victim.wait((tmp_path / "joined").exists)
        os.kill(processes["sink"], signal.SIGCONT)
        victim.wait(lambda: logbook[SharedNumber.ACKNOWLEDGED] > before)
        (tmp_path / "go").touch()
        if not victim.wait(lambda: victim.over.is_set(), 100):
            victim.supervisor.stop()

    given = settings(clip, *held_back(clip, mode, 8))
    result = run_with([str(clip)], tmp_path / "out", given, harm)
    assert result.restarts == {"tracker": 1}
    summary = result.finished["clip"]
    assert (summary.status, summary.frames + summary.dropped) == ("complete", 150)
    if mode == "lossless":
        assert texts_in(tmp_path / "out" / "clip") == calm


@pytest.mark.parametrize(("mode", "kind"), [("live", "txt"), ("live", "mp4"), ("lossless", "mp4")])
def test_files_may_be_moved_away_once_they_have_their_final_names(clip, calm, tmp_path, mode, kind):
    folder, away = tmp_path / "clip", tmp_path / "away"
    away.mkdir()

    def harm(victim):
        for _ in range(2):
            while not (named := [*folder.glob(f"[!.]*.{kind}")]):
                if victim.over.wait(0.001):
                    return
            killed = victim.supervisor.processes()["sink"]
            os.kill(killed, signal.SIGKILL)
            for path in named:
                path.rename(away / path.name)
            gone = (None, killed)
            victim.wait(lambda gone=gone: victim.supervisor.processes().get("sink") not in gone)
            victim.wait(victim.is_ready)
        if mode == "live":
            victim.supervisor.stop()

    if mode == "live":  # the source does not wait, and must outlast the second kill
        clip = make_clip(tmp_path / "longer", 1500)
    short = [f"sink.{each}_minutes={0.5 / 60}" for each in ("overlay", "text") if mode == "live"]
    given = settings(clip, *held_back(clip, mode), *short)
    result = run_with([str(clip)], tmp_path, given, harm)
    assert result.restarts == {"sink": 2}
    report = read_report(folder)
    assert set(report["files"]) == {path.name for path in folder.iterdir()} - {"run.json"}
    frames = report["frames"]
    assert report["status"] == ("interrupted" if mode == "live" else "complete")
    for path in away.iterdir():  # a video whose parts the killed sink left is made again
        path.rename(folder / path.name)
    # A busy machine may not keep up with a live stream's overlay.
    assert overlay_frames(folder) == frames["out"] - frames["left_out_of_overlay"]
    if mode == "lossless":
        assert frames["left_out_of_overlay"] == 0
        assert texts_in(folder) == calm
    else:
        rows = [(int(row[0]), int(row[1])) for row in tracks_in(folder)]
        assert rows == sorted(set(rows))


def test_times_of_a_live_stream_outlive_its_sink(clip, tmp_path):
    address, published = f"ipc://{tmp_path}/tracks", {}

    def listen():
        for envelope in subscribe(address):
            if isinstance(envelope.record, Tracks):
                frame = envelope.record.frame
                published.setdefault(frame.number, f"{frame.seconds:.3f}")
            if isinstance(envelope.record, EndOfStream):
                return

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    live = settings(clip, *held_back(clip, "live"), f"runtime.publish={address}")
    harm = kill("sink", "sink", at=[20, 40])  # of 150, many of which a slow restart costs
    result = run_with([str(clip)], tmp_path, live, harm)
    listener.join(100)
    assert result.restarts == {"sink": 2}
    folder = tmp_path / "clip"
    report = read_report(folder)
    rows = times_in(folder)
    assert len(rows) == report["frames"]["out"]
    assert len(published) > 30
    assert rows == sorted(dict(rows).items())
    assert published.items() <= dict(rows).items()
    for tracks, times in zip(
        files_of(folder, "mot.txt"), files_of(folder, "times.txt"), strict=True
    ):
        frames = {line.split(",")[0] for line in times.read_text().splitlines()}
        assert {line.split(",")[0] for line in tracks.read_text().splitlines()} <= frames


def test_end_of_a_live_stream_is_not_lost_with_its_decoder(clip, tmp_path):
    live = settings(clip, "decoder.pace=original", "runtime.mode=live")

    def harm(victim):
        victim.wait(lambda: victim.frames() >= 100)
        processes = victim.supervisor.processes()
        os.kill(processes["detector"], signal.SIGSTOP)  # so that the end has to wait
        logbook = Logbook(f"{victim.folder}/logbook-0")
        victim.wait(lambda: logbook[SharedNumber.SEQUENCE] == 150)
        victim.over.wait(1)
        os.kill(processes["decoder of clip"], signal.SIGKILL)
        os.kill(processes["detector"], signal.SIGCONT)

    result = run_with([str(clip)], tmp_path, live, harm)
    assert result.restarts == {"decoder of clip": 1}
    summary = result.finished["clip"]
    assert (summary.status, summary.frames + summary.dropped) == ("complete", 150)


def test_weights_that_are_replaced_during_a_run_are_reported(clip, tmp_path):
    weights, notices = tmp_path / "own.safetensors", []
    shutil.copy(find_weights(Path("nano")), weights)

    def harm(victim):
        victim.wait(victim.is_ready)
        shutil.copy(find_weights(Path("compact")), tmp_path / "new")
        (tmp_path / "new").rename(weights)
        kill("detector", at=[10])(victim)
        victim.wait(lambda: bool(seen(victim)))
        notices.extend(seen(victim))
        victim.supervisor.stop()

    def seen(victim):
        return [line for line in victim.notices if "detections are made by" in line]

    more = [f"detector.weights={weights}", "detector.scale=0.3", "sink.overlay=false"]
    run_with([str(clip)], tmp_path / "results", [*more, "decoder.pace=original"], harm)
    (notice,) = notices
    now, before = notice.split(" from here on; before, by ")
    by = rf"own.safetensors \(SHA-256 {'[0-9a-f]' * 12}…\), "
    assert re.match(f"detections are made by {by}", now)
    assert re.match(by, before)
    assert now.removeprefix("detections are made by ") != before


def test_stage_that_hangs_is_replaced(clip, calm, tmp_path):
    notices = []

    def harm(victim):
        victim.wait(lambda: victim.frames() >= 40)
        os.kill(victim.supervisor.processes()["detector"], signal.SIGSTOP)
        victim.wait(lambda: "detector" in victim.supervisor.result.restarts, 20)
        notices.extend(victim.notices)

    more = (detections_setting(clip, delay_ms=8), "runtime.silence_seconds=5")
    result = run_with([str(clip)], tmp_path, settings(clip, *more), harm)
    assert result.restarts == {"detector": 1}
    assert notices == ["the detector did not report for 5 s; starting it again"]
    assert texts_in(tmp_path / "clip") == calm


def test_restart_count_continues_when_a_stream_is_added_again(clip, tmp_path):
    name = "decoder of clip"

    def harm(victim):
        def pid():
            return victim.supervisor.processes().get(name, 0)

        for is_again in (False, True):
            if is_again:
                run = find_run(os.getpid())
                remove_stream(run, "clip")
                victim.wait(lambda: name not in victim.supervisor.processes())
                add_stream(run, clip, "clip")
            victim.wait(lambda: pid() and victim.is_ready())
            killed = pid()
            os.kill(killed, signal.SIGKILL)
            victim.wait(lambda killed=killed: pid() not in (0, killed) and victim.is_ready())
        victim.supervisor.stop()

    lasting = settings(clip, detections_setting(clip, delay_ms=100))
    result = run_with([str(clip), f"other={clip}"], tmp_path, lasting, harm)
    assert result.restarts == {name: 2}
