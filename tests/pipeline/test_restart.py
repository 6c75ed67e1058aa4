"""Each stage is killed in the middle of a run, and takes up its work again."""

import contextlib
import io
import json
import os
import re
import shutil
import signal
import threading
from pathlib import Path

import pytest
from rich.console import Console

from pipeline.config_file import load_config
from pipeline.reports import Progress
from pipeline.supervision.result_folders import ResultFolders
from pipeline.supervision.supervisor import Supervisor
from pipeline.transport.logbook import Logbook, SharedNumber
from pipeline.transport.subscription import subscribe
from stages.decoder.locations import expand_sources
from stages.detector.shipped import find_weights
from stages.errors import OutputError, SpotStreamError
from stages.records import EndOfStream, Tracks
from stages.result_files import files_of
from stages.sink.results import CHECKPOINT, JOURNAL
from tests.videos import frames_in
from tools.harness.material import detections_setting, make_clip
from tools.harness.runner import Victim, run_with
from tools.progress import ProgressView

STAGES = ("decoder of clip", "detector", "tracker", "sink")


def settings(clip, *more):
    # Parts of two seconds, so that some are finished and one is not when a stage dies.
    parts = [f"sink.{kind}_minutes={2 / 60}" for kind in ("overlay", "text")]
    counted = [
        "sink.lines={clip: {middle: [160, 0, 160, 240]}}",
        "sink.zones={clip: {east: [[160, 0], [320, 0], [320, 240], [160, 240]]}}",
        "sink.ground={clip: [[0, 0, 0, 0], [160, 0, 16, 0], [160, 120, 16, 12], [0, 120, 0, 12]]}",
    ]
    found = detections_setting(clip)
    return [found, "sink.kitti=true", *counted, *parts, *more]


def held_back(clip, mode, milliseconds=20):
    """Settings for a mode: live at the clip's own pace, lossless as fast as the detector is."""
    slow = detections_setting(clip, delay_ms=milliseconds)
    pace = "decoder.pace=original" if mode == "live" else slow
    return f"runtime.mode={mode}", pace


def kill(*names, at):
    def harm(victim):
        for name, frames in zip(names, at, strict=True):
            victim.wait(lambda frames=frames: victim.frames() >= frames)
            victim.wait(victim.is_ready)
            with contextlib.suppress(KeyError, ProcessLookupError):
                os.kill(victim.supervisor.processes()[name], signal.SIGKILL)

    return harm


def texts_in(folder):
    return {path.name: path.read_bytes() for path in folder.glob("*.txt")}


def tracks_in(folder):
    files = files_of(folder, "mot.txt")
    return [line.split(",") for path in files for line in path.read_text().splitlines()]


def times_in(folder):
    files = files_of(folder, "times.txt")
    rows = [line.split(",") for path in files for line in path.read_text().splitlines()]
    return [(int(frame), time) for frame, time in rows]


def overlay_frames(folder):
    return sum(map(frames_in, folder.glob("overlay*.mp4")))


@pytest.fixture(scope="module")
def calm(clip, tmp_path_factory):
    folder = tmp_path_factory.mktemp("calm")
    run_with([str(clip)], folder, settings(clip))
    return texts_in(folder / "clip")


@pytest.mark.parametrize("names", [*((stage,) for stage in STAGES), ("sink", "tracker", "sink")])
def test_lossless_results_are_those_of_a_run_that_nobody_disturbed(clip, calm, tmp_path, names):
    harm = kill(*names, at=[20, 60, 100][: len(names)])
    slow = settings(clip, detections_setting(clip, delay_ms=8))
    result = run_with([str(clip)], tmp_path, slow, harm)
    assert set(result.restarts) == set(names)
    folder = tmp_path / "clip"
    assert len(calm) == 21
    for kind in ("crossings", "zones", "ground", "kitti"):
        assert any(calm[name] for name in calm if name.startswith(kind))
    assert texts_in(folder) == calm
    assert overlay_frames(folder) == 150
    assert not [path.name for path in folder.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("name", STAGES)
def test_live_streams_go_on_with_new_ids_and_tell_what_is_missing(clip, tmp_path, name):
    live = settings(clip, "decoder.pace=original", "runtime.mode=live")
    found, victims = [], []

    def harm(victim):
        victims.append(victim)
        kill(name, at=[60])(victim)
        found.extend(path.name for path in (tmp_path / "clip").iterdir())

    result = run_with([str(clip)], tmp_path, live, harm)
    assert result.restarts == {name: 1}
    assert not any("detects by" in line for line in victims[0].notices)
    assert {CHECKPOINT, JOURNAL} <= set(found)
    folder = tmp_path / "clip"
    report = json.loads((folder / "run.json").read_text())
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
def test_what_the_sink_takes_while_a_tracker_begins_does_not_hold_up_the_stream(
    clip, calm, tmp_path, in_workers, mode
):
    """A tracker has joined, and is told only later to go on from what is in the results by then."""
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
def test_files_may_be_taken_away_as_soon_as_they_have_names(clip, calm, tmp_path, mode, kind):
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

    if mode == "live":  # it does not wait, and the second kill must come before its end
        clip = make_clip(tmp_path / "longer", 1500)
    short = [f"sink.{each}_minutes={0.5 / 60}" for each in ("overlay", "text") if mode == "live"]
    given = settings(clip, *held_back(clip, mode), *short)
    result = run_with([str(clip)], tmp_path, given, harm)
    assert result.restarts == {"sink": 2}
    report = json.loads((folder / "run.json").read_text())
    assert set(report["files"]) == {path.name for path in folder.iterdir()} - {"run.json"}
    frames = report["frames"]
    status = "interrupted" if mode == "live" else "complete"
    assert (report["status"], frames["left_out_of_overlay"]) == (status, 0)
    for path in away.iterdir():  # a video whose parts the killed sink left is made once more
        path.rename(folder / path.name)
    assert overlay_frames(folder) == frames["out"]
    if mode == "lossless":
        assert texts_in(folder) == calm
    else:
        rows = [(int(row[0]), int(row[1])) for row in tracks_in(folder)]
        assert rows == sorted(set(rows))


def test_the_times_of_a_live_stream_outlive_its_sink(clip, tmp_path):
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
    harm = kill("sink", "sink", at=[30, 80])
    result = run_with([str(clip)], tmp_path, live, harm)
    listener.join(100)
    assert result.restarts == {"sink": 2}
    folder = tmp_path / "clip"
    report = json.loads((folder / "run.json").read_text())
    rows = times_in(folder)
    assert len(rows) == report["frames"]["out"] > len(published) - 5 > 50
    assert rows == sorted(dict(rows).items())
    assert published.items() <= dict(rows).items()
    for tracks, times in zip(
        files_of(folder, "mot.txt"), files_of(folder, "times.txt"), strict=True
    ):
        frames = {line.split(",")[0] for line in times.read_text().splitlines()}
        assert {line.split(",")[0] for line in tracks.read_text().splitlines()} <= frames


def test_the_end_of_a_live_stream_is_not_lost_with_its_decoder(clip, tmp_path):
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


def test_weights_that_are_replaced_during_a_run_are_told(clip, tmp_path):
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
        return [line for line in victim.notices if "detects by" in line]

    more = [f"detector.weights={weights}", "detector.scale=0.3", "sink.overlay=false"]
    run_with([str(clip)], tmp_path / "results", [*more, "decoder.pace=original"], harm)
    (told,) = notices
    now, before = told.split(" from here on, before by ")
    by = rf"own.safetensors \(SHA-256 {'[0-9a-f]' * 12}…\), "
    assert re.match(f"detects by {by}", now)
    assert re.match(by, before)
    assert now.removeprefix("detects by ") != before


def test_a_stage_that_hangs_is_replaced(clip, calm, tmp_path):
    said = []

    def harm(victim):
        victim.wait(lambda: victim.frames() >= 40)
        os.kill(victim.supervisor.processes()["detector"], signal.SIGSTOP)
        victim.wait(lambda: "detector" in victim.supervisor.result.restarts, 20)
        said.extend(victim.notices)

    more = (detections_setting(clip, delay_ms=8), "runtime.silence_seconds=5")
    result = run_with([str(clip)], tmp_path, settings(clip, *more), harm)
    assert result.restarts == {"detector": 1}
    assert said == ["the detector process said nothing for 5 s; starting it again"]
    assert texts_in(tmp_path / "clip") == calm


def test_a_stage_that_dies_too_often_ends_the_run(clip, tmp_path):
    more = (detections_setting(clip, delay_ms=20), "runtime.restarts_per_minute=1")
    harm = kill("tracker", "tracker", at=[20, 40])
    with pytest.raises(SpotStreamError, match="tracker process was killed by signal 9") as error:
        run_with([str(clip)], tmp_path, settings(clip, *more), harm)
    assert "started again 1 time before; not finished: clip" in str(error.value)
    report = json.loads((tmp_path / "clip" / "run.json").read_text())
    assert report["status"] == "truncated"
    assert report["message"] == str(error.value)
    assert overlay_frames(tmp_path / "clip") == report["frames"]["out"] >= 40
    assert not [path for path in (tmp_path / "clip").iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("mode", ["lossless", "live"])
def test_a_decoder_that_dies_too_often_ends_its_stream_and_no_other(
    clip, tmp_path, mode, monkeypatch
):
    told, take = [], Victim.take

    def listen(victim, report):
        told.append(report)
        take(victim, report)

    monkeypatch.setattr(Victim, "take", listen)
    more = ("runtime.restarts_per_minute=1", *held_back(clip, mode, 10))
    harm = kill("decoder of clip", "decoder of clip", at=[40, 80])
    result = run_with([str(clip)] * 2, tmp_path, settings(clip, *more), harm)
    assert result.exit_code == 1
    assert "the decoder of clip process was killed by signal 9" in result.failed["clip"]
    said = io.StringIO()
    view = ProgressView(Console(file=said))
    for report in told:
        view.show(report)
    assert said.getvalue().count(result.failed["clip"]) == 1
    assert "clip" in view.failed
    other = result.finished["clip-2"]
    assert (other.status, other.frames + other.dropped) == ("complete", 150)
    report = json.loads((tmp_path / "clip" / "run.json").read_text())
    assert (report["status"], report["frames"]["missing"]) == ("truncated", 0)
    assert overlay_frames(tmp_path / "clip") == report["frames"]["out"] > 0


def test_results_are_completed_where_an_error_ends_the_supervisor(clip, tmp_path):
    def show(report):
        if isinstance(report, Progress) and report.frames >= 40:
            raise OSError("the view is broken")

    config = load_config(None, settings(clip, detections_setting(clip, delay_ms=8)))
    results = ResultFolders(expand_sources([str(clip)]), tmp_path, config, overwrite=False)
    supervisor = Supervisor(results, config, show)
    with pytest.raises(OSError, match="the view is broken"):
        supervisor.run()
    report = json.loads((tmp_path / "clip" / "run.json").read_text())
    assert (report["status"], report["message"]) == ("truncated", "OSError: the view is broken")
    assert overlay_frames(tmp_path / "clip") == report["frames"]["out"] >= 30


@pytest.mark.parametrize("full_disk", ["1m"], indirect=True)
@pytest.mark.parametrize("minutes", [0, 0.5 / 60])
@pytest.mark.parametrize("mode", ["lossless", "live"])
def test_a_disk_that_fills_up_costs_the_pictures_and_no_rows(clip, full_disk, mode, minutes):
    def harm(victim):
        victim.wait(lambda: victim.frames() >= 40)
        with contextlib.suppress(OSError):
            (full_disk / "ballast").write_bytes(bytes(2**20))

    paced = (*held_back(clip, mode), f"sink.overlay_minutes={minutes}")
    with pytest.raises(OutputError, match="no space left"):
        run_with([str(clip)], full_disk, settings(clip, *paced), harm)
    folder = full_disk / "clip"
    report = json.loads((folder / "run.json").read_text())
    assert report["status"] == "truncated"
    assert "no space left" in report["message"]
    assert report["frames"]["out"] >= 40
    rows = tracks_in(folder)
    assert int(rows[-1][0]) >= 40
    assert len(times_in(folder)) == report["frames"]["out"]
    overlays = {path.name for path in folder.glob("overlay*.mp4")}  # parts that were finished
    assert bool(overlays) == bool(minutes)
    shown = overlay_frames(folder) if overlays else 0
    assert report["frames"]["left_out_of_overlay"] == report["frames"]["out"] - shown
    assert {path.name for path in folder.iterdir()} == {*texts_in(folder), "run.json"} | overlays
