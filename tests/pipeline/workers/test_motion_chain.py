import numpy as np
import pytest

from pipeline.workers.motion_chain import MotionChain
from stages.decoder.motion import STILL


def shift(x):
    return np.array([[1, 0, x], [0, 1, 0]], np.float32)


def zoom(factor):
    return np.array([[factor, 0, 0], [0, factor, 0]], np.float32)


def test_motions_of_dropped_frames_are_added_to_the_next_sent_frame():
    chain = MotionChain(STILL)
    for sequence, x in enumerate([1, 2, 4, 8]):
        chain.add(sequence, shift(x))
    np.testing.assert_array_equal(chain.sent(0), shift(1))
    chain.dropped(1)
    chain.dropped(2)
    np.testing.assert_array_equal(chain.sent(3), shift(14))


def test_zooms_and_pans_are_composed_in_frame_order():
    chain = MotionChain(STILL)
    for sequence, motion in enumerate([zoom(2), shift(1), zoom(2)]):
        chain.add(sequence, motion)
    chain.dropped(0)
    chain.dropped(1)
    np.testing.assert_array_equal(chain.sent(2), [[4, 0, 2], [0, 4, 0]])


def test_an_unknown_motion_affects_only_the_next_sent_frame():
    chain = MotionChain(None)
    for sequence in range(4):
        chain.add(sequence, None if sequence == 2 else shift(1))
    assert chain.sent(0) is None
    np.testing.assert_array_equal(chain.sent(1), shift(1))
    chain.dropped(2)
    assert chain.sent(3) is None


@pytest.mark.parametrize("motion", [zoom(4), zoom(0.25), shift(6e5), shift(-6e5)])
def test_an_implausibly_large_motion_is_unknown(motion):
    chain = MotionChain(STILL)
    for sequence in range(2):
        chain.add(sequence, motion)
    chain.dropped(0)
    assert chain.sent(1) is None
