"""The commands as a person types them."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.signals import stop_signals
from tests.tools.conftest import write_coco
from tests.tools.processes import ENVIRONMENT, spotstream
from tools.main import main


def test_help_names_every_command():
    done = spotstream("--help")
    assert done.returncode == 0
    for command in ("run", "track", "draw", "detect", "export", "train", "bench", "--version"):
        assert command in done.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_during_imports_ends_without_a_traceback(number):
    code = "from tools.entry import main; main()"
    with subprocess.Popen(
        [sys.executable, "-X", "importtime", "-c", code, "--help"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        printed = []
        for line in process.stderr:
            printed.append(line)
            if "typing" in line:  # among the first that tools.main imports
                process.send_signal(number)
                break
        printed += process.stderr
    assert process.returncode == 130
    assert not any("Traceback" in line for line in printed)


CLEANS_UP = """
import sys, tempfile, threading, time
import tools.main

def command():
    with tempfile.TemporaryDirectory(dir=sys.argv[1]):
        try:
            print("ready", flush=True)
            threading.Event().wait()
        finally:
            time.sleep(0.2)
            print("done", flush=True)

tools.main.app = command
tools.main.main()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_command_ended_by_signals_removes_its_temporary_files(tmp_path, number):
    command = [sys.executable, "-c", CLEANS_UP, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        process.send_signal(number)
        time.sleep(0.05)
        process.send_signal(number)  # during the cleanup that the first one began
        assert process.stdout.read() == b"done\n"
    assert process.returncode == 130
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("module", ["tools.main", "tools.entry"])
def test_version(module):
    printed = subprocess.check_output([sys.executable, "-m", module, "--version"], text=True)
    assert printed.startswith("spotstream 0.")


def test_a_shell_completes_commands():
    code = "import sys; sys.argv = ['spotstream']; from tools.entry import main; main()"
    typed = {"COMP_WORDS": "spotstream tr", "COMP_CWORD": "1"}
    printed = subprocess.check_output(
        [sys.executable, "-c", code],
        env=os.environ | typed | {"_SPOTSTREAM_COMPLETE": "complete_bash"},
        text=True,
    )
    assert printed.split() == ["track", "train"]


def test_the_demo_prints_its_scores_and_the_overlay_path(tmp_path):
    done = spotstream(*("run", "--output", str(tmp_path / "out"), "--set", "decoder.last_frame=30"))
    assert done.returncode == 0, done.stderr
    for words in ("frames", "tracks", "MOTA", "IDF1", "fps", "complete", "overlay.mp4"):
        assert words in done.stdout
    [row] = [line for line in done.stdout.splitlines() if "demo" in line and "│" in line]
    mota, idf1 = (float(cell) for cell in row.split("│")[5:7])
    assert mota > 0.75
    assert idf1 > 0.8
    report = json.loads((tmp_path / "out" / "demo" / "run.json").read_text())
    assert report["frames"]["in"] == report["frames"]["out"] == 30
    assert set(report["stages_ms"]) == {"decoder", "detector", "tracker", "sink"}


def test_detect_writes_coco_results_and_reports_skipped_inputs(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), np.full((64, 96, 3), 90, np.uint8))
    tiff = cv2.imencode(".tif", np.ones((64, 96), np.float32))[1]
    (tmp_path / "b.png").write_bytes(tiff)  # OpenCV would print a message as well
    (tmp_path / "empty").mkdir()
    output = tmp_path / "new" / "detections.json"
    done = spotstream(
        *("detect", "nowhere.png", tmp_path, tmp_path / "empty"),
        *("--output", output, "--set", "detector.min_score=0"),
    )
    assert done.returncode == 3
    reported = ("no such image or folder: nowhere.png", "empty holds no images", "b.png: its sam")
    for words in reported:
        assert words in done.stderr
    assert len(done.stderr.splitlines()) == 3
    results = json.loads(output.read_text())
    assert {result["file_name"] for result in results} == {"a.png"}
    assert all(len(result["bbox"]) == 4 and result["category"] == "vehicle" for result in results)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["detect", "nowhere.png"], 3, "nowhere.png"),
        (["track", "--detections", "nowhere.txt", "--output", "t.txt"], 2, "nowhere.txt"),
        (["train", "nowhere.yaml"], 2, "nowhere.yaml"),
        (["run", "nowhere.mp4"], 3, "nowhere.mp4"),
        (["bench", "pipeline", "--source", "nowhere.mp4"], 3, "nowhere.mp4"),
    ],
)
def test_a_user_error_prints_one_line(tmp_path, arguments, code, words):
    done = spotstream(*arguments, cwd=tmp_path)
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.returncode == code
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["detect", "."], 3, "holds no images"),
        (["track", "--detections", ".", "--output", "t", "--set", "age=1"], 2, "no setting 'age'"),
        (["run", "--source", "nowhere.mp4"], 3, "nowhere.mp4"),
        (["watch", "ipc://caf\udce9"], 2, r"the name of ipc://caf\xe9 is not UTF-8; rename it"),
        (["run", "--source", "rtsp://"], 3, "rtsp:// names no host"),
        (["run", "--config", "drone"], 2, "built in are"),
        (["validate", "compact"], 2, "../shared/data/traffic"),
        (["run", "--set", "detector.weights=."], 2, "weights must be a file or one of compact,"),
        (["run", "--set", "runtime.slots=1"], 2, "runtime.slots"),
        (["run", "--source", "x" * 300], 3, "File name too long"),
        (["train", "x" * 300], 2, f"spotstream: {'x' * 300}: file name too long\n"),
    ],
)
def test_other_user_errors_print_one_line_too(tmp_path, monkeypatch, capfd, arguments, code, words):
    """Runs in this process: a new one would add the same to every error in a command."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        run_main(monkeypatch, *arguments)
    printed = capfd.readouterr().err
    assert words in printed
    assert len(printed.splitlines()) == 1
    assert ended.value.code == code
    assert list(tmp_path.iterdir()) == []


def test_a_file_name_that_is_not_utf_8_is_printed(tmp_path):
    """As in a locale like en_US.UTF-8, where Python encodes standard output strictly."""
    image = np.full((64, 96, 3), 90, np.uint8)
    for name, data in {
        b"data.yaml": b"train: images\nnames: [car]\n",
        b"labels/a.txt": b"0 0.5 0.5 0.2 0.2\n",
        b"images/a.png": cv2.imencode(".png", image)[1],
        b"images/caf\xe9.png": cv2.imencode(".png", image)[1],
    }.items():
        path = tmp_path / os.fsdecode(name)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
    strict = {"PYTHONIOENCODING": "utf-8:strict"}
    done = spotstream("data", "check", ".", "--images", "0", cwd=tmp_path, **strict)
    assert done.returncode == 0, done.stderr
    assert "    labels/caf\\udce9.txt\n" in done.stdout


@pytest.mark.parametrize("arguments", [["config"], ["--version"]])
def test_a_full_disk_behind_standard_output_prints_one_error_line(arguments):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "tools.main", *arguments],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=200,
        )
    assert done.stderr == ("spotstream: cannot write to standard output: no space left on device\n")
    assert done.returncode == 4


def test_files_are_written_even_if_the_reader_of_stdout_is_gone(tmp_path):
    rows = "".join(f"{frame},1,10,10,20,20,1,1,-1\n" for frame in range(1, 4))
    (tmp_path / "A_gt.txt").write_text(rows)
    (tmp_path / "A.txt").write_text(rows)
    write_coco(tmp_path / "set")
    for arguments, names in (
        ("evaluate uavdt --gt . --results . --json a.json --csv a.csv", ["a.json", "a.csv"]),
        ("data check set --json b.json --sheet b.jpg", ["b.json", "b.jpg"]),
    ):
        reader, writer = os.pipe()
        os.close(reader)
        with os.fdopen(writer, "wb") as closed:
            command = [sys.executable, "-m", "tools.main", *arguments.split()]
            done = subprocess.run(
                command, stdout=closed, cwd=tmp_path, timeout=200, env=ENVIRONMENT
            )
        assert done.returncode == 1
        assert [name for name in names if not (tmp_path / name).is_file()] == []


def test_a_removed_current_folder_is_reported(tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    command = f"rmdir {gone}; exec {sys.executable} -m tools.main run --stay --output {tmp_path}"
    done = subprocess.run(
        command, shell=True, cwd=gone, stderr=subprocess.PIPE, text=True, timeout=200
    )
    assert done.stderr == "spotstream: the current folder was removed; change to another\n"
    assert done.returncode == 2


def run_main(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["spotstream", *arguments])
    before = {number: signal.getsignal(number) for number in stop_signals()}
    try:
        main()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_a_file_in_an_inaccessible_folder_prints_one_error_line(monkeypatch, capfd, closed_folder):
    given = closed_folder / "train.yaml"
    with pytest.raises(SystemExit, match="2"):
        run_main(monkeypatch, "train", str(given))
    assert capfd.readouterr().err == f"spotstream: {given}: permission denied\n"


def test_a_symlink_to_itself_prints_one_error_line(monkeypatch, capfd, tmp_path):
    loop = tmp_path / "loop.txt"
    loop.symlink_to(loop)
    for option, other, code in (("output", "detections", 4), ("detections", "output", 2)):
        files = [f"--{option}", str(loop), f"--{other}", str(tmp_path / "a.txt")]
        with pytest.raises(SystemExit, match=str(code)):
            run_main(monkeypatch, "track", *files)
        assert re.fullmatch(r"spotstream: .*loop\.txt.*\n", capfd.readouterr().err)


@pytest.mark.parametrize(
    "setting",
    [
        "decoder.timeout=[rtsp://me:s3cret@camera",
        "rtsp://me:s3cret@camera",
        "rtsp://me:s3cret@camera=5",
        "tracker.settings.max_age=rtsp://me:s3cret@camera",
        "runtime.publish=tcp://me:s3cret@camera",
    ],
)
def test_passwords_in_invalid_settings_are_not_printed(monkeypatch, capfd, tmp_path, setting):
    with pytest.raises(SystemExit, match="2"):
        run_main(monkeypatch, "run", "--set", setting, "--output", str(tmp_path))
    reported = capfd.readouterr().err
    assert "://camera" in reported
    assert "s3cret" not in reported


@pytest.mark.parametrize(
    "error",
    [FileNotFoundError(2, "no such", "x"), FileNotFoundError(2, "no"), ConnectionRefusedError()],
)
def test_an_internal_error_keeps_its_traceback(monkeypatch, error):
    def fail(*_):
        raise error

    monkeypatch.setattr("pipeline.config_file.load_configs", fail)
    with pytest.raises(type(error)):
        run_main(monkeypatch, "config")


@pytest.mark.parametrize(
    "arguments", [["--debug", "train", "nowhere.yaml"], ["run", "--debug", "--config", "drone"]]
)
def test_debug_prints_a_traceback_and_keeps_the_exit_status(tmp_path, arguments):
    done = spotstream(*arguments, cwd=tmp_path)
    assert done.stderr.startswith("Traceback")
    assert done.returncode == 2
