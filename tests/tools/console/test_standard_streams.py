import io
import os
import subprocess
import sys
from pathlib import Path

from tools.console.standard_streams import lossy
from tools.harness.material import detections_setting, make_clip


def test_a_reader_gets_everything_until_it_closes_its_end():
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as file, os.fdopen(reader) as other:
        stream = lossy(file)
        print("é one", file=stream)
        assert other.readline() == "é one\n"
        assert not stream.isatty()
        other.close()
        print("two", file=stream)
        stream.flush()


def test_writing_to_a_full_disk_is_no_error():
    with Path("/dev/full").open("w") as file:
        stream = lossy(file)
        for _ in range(10):
            print("x" * 100_000, file=stream)
        stream.flush()


def test_a_stream_without_a_file_is_returned_unchanged():
    stream = io.StringIO()
    assert lossy(stream) is stream


def test_a_run_with_closed_standard_streams_writes_its_results(tmp_path):
    clip = make_clip(tmp_path / "north", 3)
    output = tmp_path / "out"
    command = [sys.executable, "-m", "tools.main", "run", "--source", str(clip)]
    settings = ["--output", str(output), "--set", detections_setting(clip)]
    shell = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh"]
    done = subprocess.run([*shell, *command, *settings], timeout=200)
    assert done.returncode == 0
    assert len(list(output.glob("*/mot.txt"))) == 1
