"""Checkpoints of a live stream's sink."""

import contextlib
import errno
import os
from pathlib import Path

import pytest

from pipeline.workers import checkpoint
from pipeline.workers.checkpoint import Checkpoint, CheckpointTimes
from stages.atomic import part_path
from stages.errors import OutputError
from stages.sink.stream_results import StreamResults
from stages.sink.timing import Written
from tests.stages.sink.conftest import gray, make_header, make_start, make_tracks, names_in


def test_a_saved_state_is_loaded_unchanged(tmp_path):
    results = StreamResults(tmp_path / "cam")
    results.start(make_start())
    for header in map(make_header, range(3)):
        tracks = make_tracks(header, [[20, 30, 60, 70]], [3])
        results.write(tracks, gray(header), {"detect": 5}, Written(header.captured_ns + 7, 7))
    results.overlays.close()
    path = tmp_path / ".checkpoint.part"
    assert Checkpoint.load(path) is None
    Checkpoint(0, results.state()).save(path)
    Checkpoint(4, results.state()).save(path)
    assert Checkpoint.load(path) == Checkpoint(4, results.state())
    results.abort()
    assert names_in(tmp_path) == {path.name}


@pytest.mark.parametrize("code", [errno.EMFILE, errno.ENFILE])
def test_the_last_checkpoint_stays_while_too_many_files_are_open(tmp_path, monkeypatch, code):
    def refuse(path, content):
        raise OSError(code, os.strerror(code))

    results = StreamResults(tmp_path / "cam")
    results.start(make_start())
    path = tmp_path / ".checkpoint.part"
    assert Checkpoint(0, results.state()).save(path)
    monkeypatch.setattr(Path, "write_bytes", refuse)
    assert Checkpoint(4, results.state()).save(path) is False
    monkeypatch.undo()
    assert Checkpoint.load(path).position == 0
    results.abort()


def test_a_checkpoint_that_does_not_fit_takes_no_disk_space(full_disk):
    results = StreamResults(full_disk / "cam")
    results.start(make_start())
    checkpoint = Checkpoint(0, results.state())
    path = full_disk / ".checkpoint.part"
    checkpoint.save(path)
    before = path.read_bytes()
    with contextlib.suppress(OSError), (full_disk / "filler").open("wb", buffering=0) as filler:
        while True:
            filler.write(bytes(512))
    with pytest.raises(OutputError, match="no space left"):
        checkpoint.save(path)
    assert path.read_bytes() == before
    assert not part_path(path).exists()
    results.abort()


def test_slow_checkpoints_are_saved_less_often(monkeypatch):
    now = 0.0
    monkeypatch.setattr(checkpoint.time, "monotonic_ns", lambda: round(now * 1e9))
    times = CheckpointTimes()
    begun = []
    for took in (0.0, 0.0, 0.5, 3600.0, 0.0):  # the last but one: the process was suspended
        while not times.under_way:
            now += 0.25
            times.begin_if_due()
        begun.append(now)
        now += took
        times.begin_if_due()  # already begun
        times.end()
    assert begun == [1.25, 2.5, 3.75, 9.0, 3669.25]
