"""The four processes on a real video, detections from a file."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from stages.detector.delayed_detector import delayed
from stages.result_files import read_report
from tests.videos import frames_in
from tests.waiting import wait_for

FRAMES = 40


@pytest.fixture(scope="module")
def material(tmp_path_factory):
    """A video in which one square moves, and the detections of that square."""
    folder = tmp_path_factory.mktemp("material")
    rows = []
    with av.open(str(folder / "crossing.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 25)
        for index in range(FRAMES):
            image = np.full((96, 160, 3), 80, np.uint8)
            image[30:60, 10 + 2 * index : 40 + 2 * index] = 220
            frame = av.VideoFrame.from_ndarray(image, format="bgr24")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(stream.encode(frame))
            rows.append(f"{index + 1},1,{10 + 2 * index},30,30,30,0.9\n")
        container.mux(stream.encode())
    (folder / "crossing_Det_Test.txt").write_text("".join(rows))
    return folder


def command(material, output, *more):
    return [
        *(sys.executable, "-m", "tools.main", "run", "--source", str(material / "crossing.mp4")),
        *("--output", str(output)),
        *("--set", f"detector.detections={material / 'crossing_Det_Test.txt'}"),
        *more,
    ]


def slow_detector(material, milliseconds):
    found = delayed(material / "crossing_Det_Test.txt", milliseconds)
    return ["--set", f"detector.detections={found}"]


def run(*arguments):
    return subprocess.run(command(*arguments), capture_output=True, text=True, timeout=200)


@pytest.fixture(scope="module")
def done(material, tmp_path_factory):
    """The results of an undisturbed run; tests do not change them."""
    results = tmp_path_factory.mktemp("done") / "out"
    ended = run(material, results)
    assert ended.returncode == 0, ended.stderr
    return results


def assert_is_whole(folder):
    rows = [line.split(",") for line in (folder / "mot.txt").read_text().splitlines()]
    assert [int(row[0]) for row in rows] == list(range(1, FRAMES + 1))
    assert {row[1] for row in rows} == {"1"}
    assert abs(float(rows[20][2]) - 50) < 2
    assert frames_in(folder / "overlay.mp4") == FRAMES
    assert len((folder / "detections.txt").read_text().splitlines()) == FRAMES


def test_every_frame_reaches_the_results(done):
    assert_is_whole(done / "crossing")


def test_every_frame_reaches_the_results_inline_over_tcp(material, tmp_path):
    inline = ("--set", "runtime.transport=tcp", "--set", "runtime.frames=inline")
    ended = run(material, tmp_path / "out", *inline)
    assert ended.returncode == 0, ended.stderr
    assert_is_whole(tmp_path / "out" / "crossing")


def test_modules_in_the_working_folder_are_not_imported(material, tmp_path):
    for name in ("pipeline.py", "numpy.py"):
        (tmp_path / name).write_text("raise SystemExit('not ours')")
    python, *rest = command(material, tmp_path / "out")
    done = subprocess.run(
        [python, "-P", *rest], capture_output=True, text=True, timeout=200, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "crossing" / "mot.txt").exists()


def test_results_are_overwritten_only_on_request(material, tmp_path, done):
    results = shutil.copytree(done, tmp_path / "out")
    before = _contents(results)
    again = run(material, results)
    assert again.returncode == 4
    assert "--overwrite" in again.stderr
    assert "Traceback" not in again.stderr
    assert _contents(results) == before
    assert run(material, results, "--overwrite").returncode == 0
    assert _contents(results) != before


def test_bad_input_is_reported_and_leaves_the_results(material, tmp_path, done):
    results = shutil.copytree(done, tmp_path / "out")
    broken = shutil.copytree(material, tmp_path / "broken")
    (broken / "crossing.mp4").write_bytes(b"no video")
    missing = ("--set", "detector.detections=nowhere.txt")
    for folder, more, code, words in (
        (material, missing, 2, "nowhere.txt"),  # found missing by a stage
        (broken, (), 3, "crossing.mp4"),
    ):
        ended = run(folder, results, "--overwrite", *more)
        assert ended.returncode == code, ended.stderr
        assert words in ended.stderr
        assert "Traceback" not in ended.stderr
        assert _contents(results) == _contents(done)


def _contents(folder):
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder): path.read_bytes() for path in files}


def begin(*arguments, log=subprocess.DEVNULL):
    """Starts a run, and returns when it writes results."""
    process = subprocess.Popen(
        arguments, stdout=subprocess.DEVNULL, stderr=log, start_new_session=True
    )
    rows = Path(arguments[arguments.index("--output") + 1]) / "crossing" / ".mot.txt.part"
    wait_for(lambda: rows.exists() and rows.stat().st_size, 60)
    return process


def _children(pid):
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_second_run_with_the_same_output_is_refused(material, tmp_path):
    slow = slow_detector(material, 100)
    with begin(*command(material, tmp_path / "out", *slow)) as first:
        first.send_signal(signal.SIGSTOP)  # it must not end before the second has looked
        second = run(material, tmp_path / "out", "--overwrite")
        first.send_signal(signal.SIGCONT)
        assert first.poll() is None
    assert second.returncode == 4
    assert f"process {first.pid} is writing there" in second.stderr
    assert len(second.stderr.splitlines()) == 1
    assert first.returncode == 0
    folder = tmp_path / "out" / "crossing"
    assert len((folder / "mot.txt").read_text().splitlines()) == FRAMES


def test_log_that_cannot_be_written_affects_nothing_else(material, tmp_path):
    outputs = ("2>/dev/full >&2", "--json-log 2>/dev/full", "2>&1 | true; exit ${PIPESTATUS[0]}")

    def run_into(output, folder):
        arguments = command(material, folder, "--set", "decoder.pace=original")
        shell = ["bash", "-c", f"{shlex.join(arguments)} {output}"]
        return subprocess.run(shell, capture_output=True, timeout=200).returncode

    folders = [tmp_path / str(number) for number in range(len(outputs))]
    with ThreadPoolExecutor() as at_once:
        codes = list(at_once.map(run_into, outputs, folders))
    assert dict(zip(outputs, codes, strict=True)) == dict.fromkeys(outputs, 0)
    for folder in folders:
        rows = (folder / "crossing" / "mot.txt").read_text().splitlines()
        assert len(rows) == FRAMES


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_repeated_signal_ends_the_run_and_completes_its_results(material, tmp_path, number):
    """SIGHUP comes from a closing terminal, the others from a program such as ``timeout``."""
    slow = slow_detector(material, 150)
    with begin(*command(material, tmp_path / "out", *slow)) as process:
        process.send_signal(number)
        time.sleep(0.05)  # signals pending at the same time are merged
        process.send_signal(number)
    assert process.returncode == 130
    report = read_report(tmp_path / "out" / "crossing")
    assert report["status"] == "interrupted"
    assert 0 < report["frames"]["out"] < FRAMES


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_signal_to_all_processes_is_handled_by_the_supervisor(material, tmp_path, number):
    """As a service manager does when it stops a service."""
    slow = slow_detector(material, 150)
    log = tmp_path / "log"
    with (
        log.open("w") as file,
        begin(*command(material, tmp_path / "out", *slow), log=file) as process,
    ):
        children = _children(process.pid)
        assert len(children) == 4
        for pid in (*children, process.pid):
            os.kill(pid, number)
    assert process.returncode == 130
    report = read_report(tmp_path / "out" / "crossing")
    assert report["status"] == "interrupted"
    assert 0 < report["frames"]["out"] < FRAMES
    assert "starting it again" not in log.read_text()


def test_run_under_nohup_ignores_a_closing_terminal(material, tmp_path):
    slow = slow_detector(material, 50)
    with begin("nohup", *command(material, tmp_path / "out", *slow)) as process:
        process.send_signal(signal.SIGHUP)
    assert process.returncode == 0
    rows = (tmp_path / "out" / "crossing" / "mot.txt").read_text().splitlines()
    assert len(rows) == FRAMES


def as_first_process(*arguments):
    """Returns a command run as process 1, as in a container; skips if that is impossible."""
    alone = ["unshare", "-Urpf", "--mount-proc", "--kill-child"]
    if subprocess.run([*alone, "true"], capture_output=True).returncode:
        pytest.skip("no namespace of processes can be made here")
    return [*alone, *arguments]


def test_run_may_be_the_first_process_of_a_container(material, tmp_path):
    arguments = as_first_process(*command(material, tmp_path / "out"))
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    rows = (tmp_path / "out" / "crossing" / "mot.txt").read_text().splitlines()
    assert len(rows) == FRAMES


def test_first_process_of_a_container_ends_on_sigterm(material, tmp_path):
    slow = slow_detector(material, 150)
    with begin(*as_first_process(*command(material, tmp_path / "out", *slow))) as outside:
        (first,) = _children(outside.pid)
        os.kill(first, signal.SIGTERM)
    assert outside.returncode == 130
    report = read_report(tmp_path / "out" / "crossing")
    assert report["status"] == "interrupted"


def test_run_stopped_while_it_starts_exits_with_status_130(material, tmp_path):
    with subprocess.Popen(command(material, tmp_path / "out")) as process:
        wait_for(lambda: _catches(process.pid, signal.SIGTERM))
        process.terminate()
    assert process.returncode == 130
    assert not list((tmp_path / "out").rglob("run.json"))


def _catches(pid, number):
    status = Path(f"/proc/{pid}/status").read_text()
    caught = int(re.search(r"SigCgt:\s*(\w+)", status)[1], 16)
    return caught >> (number - 1) & 1


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)]
)
def test_no_process_outlives_the_command(material, tmp_path, number, code):
    process = subprocess.Popen(
        command(material, tmp_path / "out"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_for(lambda: len(_children(process.pid)) == 4)
    stages = _children(process.pid)
    os.kill(process.pid, number)
    assert process.wait(100) == code
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in stages))
