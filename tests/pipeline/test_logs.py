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


def test_a_record_is_one_line_whatever_it_holds():
    record = logging.LogRecord(
        "x", logging.WARNING, "", 0, 'two\nlines and "%s"', ("quotes",), None
    )
    line = JsonFormatter("sink").format(record)
    assert "\n" not in line
    parsed = json.loads(line)
    assert (parsed["level"], parsed["event"], parsed["stage"]) == ("warning", "log", "sink")
    assert parsed["message"] == 'two\nlines and "quotes"'
    assert parsed["time"].endswith("+00:00")


def test_a_log_goes_on_after_a_name_that_is_not_utf_8_and_tells_where_an_error_was():
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


def test_a_message_that_its_arguments_do_not_fit_is_told_and_not_raised():
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


def test_a_run_says_all_in_json_and_nothing_else(tmp_path):
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


def test_what_keeps_a_run_from_beginning_is_json_too(tmp_path):
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


def test_an_outage_and_the_death_of_a_stage_have_events_of_their_own(one_detection, tmp_path):
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
        told = {}
        try:
            for line in run.stderr:
                event = json.loads(line)
                told.setdefault(event["event"], event)
                if event["event"] == "reconnected":
                    processes = {each.name: each for each in describe(find_run(run.pid)).processes}
                    os.kill(processes["tracker"].pid, signal.SIGKILL)
                elif "reconnected" in told and event["event"] == "ready":
                    run.send_signal(signal.SIGINT)
            assert run.wait(100) == 130
        finally:
            run.kill()
    start = told["start"]
    assert start["version"] == importlib.metadata.version("spotstream")
    assert (start["pid"], start["output"]) == (run.pid, str(tmp_path / "out"))
    for name in ("disconnected", "reconnected"):
        assert (told[name]["stage"], told[name]["stream"]) == ("decoder", "cam")
    assert told["restart"]["stage"] == "tracker"
    assert "killed by signal 9" in told["restart"]["message"]


def test_a_process_whose_log_nobody_reads_works_on_and_tells_what_was_lost():
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
            said = process.stderr.readline().removeprefix("sink: ")
            if "because nobody read them" in said:
                lost += int(said.removeprefix("lost ").partition(" ")[0])
            else:
                numbers.append(int(said))
        process.stdin.close()
    assert lost
    assert numbers == sorted(set(numbers))


def test_a_log_that_nobody_reads_keeps_no_process_from_ending():
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
