import contextlib
import importlib.metadata
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading

from pipeline.logs import JsonFormatter
from pipeline.supervision.commands import describe, find_run
from tests.stages.decoder.streams import write_stream
from tools.harness.material import detections_setting, make_clip
from tools.harness.runner import run_command


def test_json_record_is_one_line_whatever_it_holds():
    record = logging.LogRecord(
        "x", logging.WARNING, "", 0, 'two\nlines and "%s"', ("quotes",), None
    )
    line = JsonFormatter("sink").format(record)
    assert "\n" not in line
    parsed = json.loads(line)
    assert (parsed["level"], parsed["event"], parsed["stage"]) == ("warning", "log", "sink")
    assert parsed["message"] == 'two\nlines and "quotes"'
    assert parsed["time"].endswith("+00:00")


def test_json_log_handles_non_utf_8_names_and_includes_tracebacks():
    program = """
import logging
from pipeline.logs import set_up_logging
set_up_logging("sink", as_json=True)
logging.info("caf\\udce9")
try:
    1 / 0
except ZeroDivisionError:
    logging.exception("cannot divide")
"""
    done = subprocess.run([sys.executable, "-c", program], stderr=subprocess.PIPE, timeout=100)
    name, error = map(json.loads, done.stderr.splitlines())
    assert (name["level"], name["message"]) == ("info", "caf\udce9")
    assert (error["level"], error["message"]) == ("error", "cannot divide")
    assert "line 7" in error["traceback"]
    assert error["traceback"].endswith("ZeroDivisionError: division by zero")


def test_message_that_cannot_be_formatted_is_logged_and_not_raised():
    program = """
import logging
from pipeline.logs import set_up_logging
set_up_logging("detector", as_json=True)
logging.getLogger("library").warning("%d boxes of %s", "three")
logging.warning("works on")
"""
    done = subprocess.run([sys.executable, "-c", program], stderr=subprocess.PIPE, timeout=100)
    unfit, after = map(json.loads, done.stderr.splitlines())
    assert unfit["message"].startswith("a message of <string>:5 cannot be formatted: TypeError: ")
    assert (unfit["level"], after["message"]) == ("warning", "works on")


def test_json_log_of_a_run_contains_only_json(tmp_path):
    clip = make_clip(tmp_path, 20)
    done = subprocess.run(
        [*run_command(clip, tmp_path / "out", detections_setting(clip)), "--json-log"],
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert (done.returncode, done.stdout) == (0, "")
    events = [json.loads(line) for line in done.stderr.splitlines()]
    assert events[0]["event"] == "start"
    assert [event["event"] for event in events].count("ready") == 4
    assert events[-1]["event"] == "done"
    assert (events[-1]["stream"], events[-1]["frames"]) == ("clip", 20)


def test_error_that_prevents_a_run_is_logged_as_json(tmp_path):
    done = subprocess.run(
        [*run_command(tmp_path / "nowhere.mp4", tmp_path / "out"), "--json-log"],
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert (done.returncode, done.stdout) == (3, "")
    event = json.loads(done.stderr)
    assert (event["level"], event["event"]) == ("error", "error")
    assert "nowhere.mp4" in event["message"]


def test_outage_and_stage_death_have_their_own_events(one_detection, tmp_path):
    write_stream(tmp_path / "camera.ts", 50)

    def send(listener):
        with contextlib.suppress(OSError):  # at the end the listener is closed
            while True:
                client, _ = listener.accept()
                with client:
                    client.sendall((tmp_path / "camera.ts").read_bytes())

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=send, args=(listener,), daemon=True).start()
        source = f"cam=tcp://127.0.0.1:{listener.getsockname()[1]}"
        command = run_command(source, tmp_path / "out", one_detection, "sink.overlay=false")
        run = subprocess.Popen(
            [*command, "--json-log", "--config", "rtsp"], stderr=subprocess.PIPE, text=True
        )
        events = {}
        try:
            for line in run.stderr:
                event = json.loads(line)
                events.setdefault(event["event"], event)
                if event["event"] == "reconnected":
                    processes = {each.name: each for each in describe(find_run(run.pid)).processes}
                    os.kill(processes["tracker"].pid, signal.SIGKILL)
                elif "reconnected" in events and event["event"] == "ready":
                    run.send_signal(signal.SIGINT)
            assert run.wait(100) == 130
        finally:
            run.kill()
    start = events["start"]
    assert start["version"] == importlib.metadata.version("spotstream")
    assert (start["pid"], start["output"]) == (run.pid, str(tmp_path / "out"))
    for name in ("disconnected", "reconnected"):
        assert (events[name]["stage"], events[name]["stream"]) == ("decoder", "cam")
    assert events["restart"]["stage"] == "tracker"
    assert "killed by signal 9" in events["restart"]["message"]


def test_process_with_an_unread_log_continues_and_reports_lost_lines():
    program = """
import logging, sys
from pipeline.logs import set_up_logging
set_up_logging("sink", as_json=False)
for number in range(3000):
    logging.warning("%0100d", number)
print("worked on", flush=True)
sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "worked on\n"
        numbers, lost = [], 0
        while len(numbers) + lost < 3000:
            line = process.stderr.readline().removeprefix("sink: ")
            if "because nobody read them" in line:
                lost += int(line.removeprefix("lost ").partition(" ")[0])
            else:
                numbers.append(int(line))
        process.stdin.close()
    assert lost
    assert numbers == sorted(set(numbers))


def test_unread_log_does_not_keep_a_process_from_ending():
    program = """
import logging
from pipeline.logs import set_up_logging
set_up_logging("sink", as_json=False)
for number in range(900):
    logging.warning("%0100d", number)
"""
    with subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE) as process:
        try:
            assert process.wait(100) == 0
        finally:
            process.kill()
