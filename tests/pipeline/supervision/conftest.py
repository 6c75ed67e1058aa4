import sys

import pytest

from pipeline.transport.logbook import Logbook
from pipeline.transport.ring import create_memory_file


@pytest.fixture
def logbook():
    _, path = create_memory_file("test")
    return Logbook.create(path, stream="cam", entries=1, lossless=False)


@pytest.fixture
def worker_is(tmp_path, monkeypatch):
    """Returns a function that sets the shell script that workers run instead of Python."""

    def replace(script):
        python = tmp_path / "python"
        python.write_text(f"#!/bin/sh\n{script}")
        python.chmod(0o700)
        monkeypatch.setattr(sys, "executable", str(python))

    return replace
