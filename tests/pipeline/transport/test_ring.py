import numpy as np
import pytest

from pipeline.transport.ring import FrameRing, create_memory_file
from stages.errors import OutputError
from tests.limits import limited_files
from tests.pipeline.transport.conftest import times_open


def test_two_openers_of_a_ring_share_its_memory():
    _, path = create_memory_file("test")
    writer, reader = FrameRing(path), FrameRing(path)
    writer.reserve(3, 6 * 5)
    writer.slot(2, (6, 5))[:] = np.arange(30).reshape(6, 5)
    np.testing.assert_array_equal(reader.slot(2, (6, 5)), np.arange(30).reshape(6, 5))
    with pytest.raises(ValueError, match="outside the ring"):
        reader.slot(3, (6, 5))
    with pytest.raises(ValueError, match="outside the ring"):
        reader.slot(-1, (6, 5))
    with pytest.raises(ValueError, match="slot 0 of 12289 bytes lies outside the ring"):
        reader.slot(0, (12289, 1))
    writer.reserve(3, 50 * 100)  # the frames have become larger
    writer.slot(2, (50, 100))[:] = 7
    assert (reader.slot(2, (50, 100)) == 7).all()


@pytest.mark.parametrize("height", [4095, 4096, 4097])
def test_slots_do_not_overlap_and_the_last_one_is_complete(height):
    _, path = create_memory_file("test")
    ring = FrameRing(path)
    ring.reserve(3, height)
    for number in range(3):
        ring.slot(number, (height, 1))[:] = number
    assert [set(ring.slot(number, (height, 1)).flat) for number in range(3)] == [{0}, {1}, {2}]


def test_a_closed_ring_holds_no_descriptor():
    _, path = create_memory_file("closed-ring")
    ring = FrameRing(path)
    ring.reserve(1, 30)
    ring.slot(0, (6, 5))[:] = 1
    assert times_open("closed-ring") == 3  # the owner's, the ring's and the map's
    ring.close()
    assert times_open("closed-ring") == 1


def test_a_file_size_limit_is_named_in_the_error():
    _, path = create_memory_file("test")
    message = r"memory \(File too large\); raise .* \(ulimit -f\)"
    with limited_files(2**14), pytest.raises(OutputError, match=message):
        FrameRing(path).reserve(3, 2**14)
