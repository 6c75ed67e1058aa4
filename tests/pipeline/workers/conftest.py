"""The logbook of a live stream."""

import pytest

from pipeline.transport.logbook import Logbook


@pytest.fixture
def logbook(tmp_path):
    (tmp_path / "logbook").touch()
    logbook = Logbook.create(str(tmp_path / "logbook"), stream="cam", entries=16, lossless=False)
    yield logbook
    logbook.close()
