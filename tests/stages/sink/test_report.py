from __future__ import annotations

import pytest

from stages.records import EndReason
from stages.result_files import StreamStatus
from stages.sink.report import outcome
from tests.stages.sink.stream import end


@pytest.mark.parametrize("missing", [0, 2])
@pytest.mark.parametrize("reason", EndReason)
def test_a_stream_has_the_status_of_its_end_unless_frames_are_missing(
    reason: EndReason, missing: int
) -> None:
    status, _ = outcome(end(7, reason), missing)
    incomplete = missing and reason is EndReason.COMPLETE
    assert status is (StreamStatus.INCOMPLETE if incomplete else StreamStatus[reason.name])
