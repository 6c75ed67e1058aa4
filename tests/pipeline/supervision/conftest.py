import pytest

from pipeline.transport.logbook import Logbook
from pipeline.transport.ring import create_memory_file


@pytest.fixture
def logbook():
    _, path = create_memory_file("test")
    return Logbook.create(path, stream="cam", entries=1, lossless=False)
