import numpy as np
import pytest

from pipeline.transport.ring import FrameRing, create_memory_file


def test_a_ring_shows_one_memory_to_two_openers():
    _, path = create_memory_file("test")
    writer, reader = FrameRing(path), FrameRing(path)
    writer.reserve(3, 6 * 5)
    writer.slot(2, (6, 5))[:] = np.arange(30).reshape(6, 5)
    np.testing.assert_array_equal(reader.slot(2, (6, 5)), np.arange(30).reshape(6, 5))
    with pytest.raises(ValueError, match="outside the ring"):
        reader.slot(3, (6, 5))
    with pytest.raises(ValueError, match="outside the ring"):
        reader.slot(-1, (6, 5))
