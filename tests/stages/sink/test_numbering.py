from __future__ import annotations

import msgspec
import pytest

from stages.sink.numbering import FrameNumbering
from tests.stages.sink.conftest import make_header


@pytest.mark.parametrize("saved", [False, True])
def test_frame_numbers_follow_the_source_until_it_restarts(*, saved: bool) -> None:
    numbering = FrameNumbering()
    positions = [(0, 4), (0, 6), (1, 0), (1, 2), (2, 90), (3, 3), (3, 4)]
    numbers = []
    for epoch, index in positions:
        numbers.append(numbering.next(make_header(index, epoch=epoch)))
        if saved:
            state = msgspec.msgpack.encode(numbering)
            numbering = msgspec.msgpack.decode(state, type=FrameNumbering)
    assert numbers == [5, 7, 8, 10, 98, 99, 100]
    assert numbering.last == 100


def test_number_that_does_not_increase_is_rejected() -> None:
    numbering = FrameNumbering()
    numbering.next(make_header(3, epoch=1))
    with pytest.raises(ValueError, match="frame 4 of cam after frame 4"):
        numbering.next(make_header(3, epoch=1))
