import json
import logging
import subprocess
import sys

from pipeline.logs import JsonFormatter
from tools.harness.material import detections_of, make_clip


def test_a_record_is_one_line_whatever_it_holds():
    record = logging.LogRecord(
        "x", logging.WARNING, "", 0, 'two\nlines and "%s"', ("quotes",), None
    )
    line = JsonFormatter("sink").format(record)
    assert "\n" not in line
    parsed = json.loads(line)
    assert (parsed["level"], parsed["stage"]) == ("warning", "sink")
    assert parsed["message"] == 'two\nlines and "quotes"'
    assert parsed["time"].endswith("+00:00")


def test_a_run_says_all_in_json_and_nothing_else(tmp_path):
    clip = make_clip(tmp_path, 20)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tools.main", "run", "--json-log", "--source", str(clip)),
            *("--output", str(tmp_path / "out")),
            *("--set", f"detector.detections={detections_of(clip)}"),
        ],
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert (done.returncode, done.stdout) == (0, "")
    events = [json.loads(line) for line in done.stderr.splitlines()]
    assert [event["event"] for event in events].count("ready") == 4
    assert events[-1]["event"] == "done"
    assert (events[-1]["stream"], events[-1]["frames"]) == ("clip", 20)


def test_what_keeps_a_run_from_beginning_is_json_too(tmp_path):
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tools.main", "run", "--json-log"),
            *("--source", str(tmp_path / "nowhere.mp4"), "--output", str(tmp_path / "out")),
        ],
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert (done.returncode, done.stdout) == (3, "")
    event = json.loads(done.stderr)
    assert (event["level"], event["event"]) == ("error", "error")
    assert "nowhere.mp4" in event["message"]
