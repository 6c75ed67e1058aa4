"""Streams in the sink whose files cannot be written."""

import pytest
import zmq

from pipeline.transport.logbook import Logbook, SharedCounter
from stages.errors import OutputError
from stages.sink.results import JOURNAL
from tests.pipeline.workers.conftest import Said, acknowledge, feed, opened


def test_a_stream_that_fails_keeps_its_rows_and_no_pictures(plan, wake):
    said, logbook = Said(), Logbook(plan.logbook(0))
    with zmq.Context() as context:
        stream = opened(plan, context, said, 0, logbook, wake)
        feed(stream, 3)
        acknowledge(stream, lambda: logbook[SharedCounter.ACKNOWLEDGED] == 4)
        stream.fail(OutputError("cannot write it"))
        assert ("failed", "north") in said
        for _ in range(2):
            kept = {path.name for path in stream.folder.iterdir()}
            assert kept == {JOURNAL, ".mot.txt.part", ".detections.txt.part"}
            stream.close()


def test_a_lossless_stream_notices_that_its_folder_is_gone(plan, wake):
    with zmq.Context() as context:
        stream = opened(plan, context, Said(), 0, Logbook(plan.logbook(0)), wake)
        feed(stream, 3)
        stream.look()
        stream.folder.rename(stream.folder.with_name("elsewhere"))
        with pytest.raises(FileNotFoundError, match="north"):
            stream.look()
        stream.close()
