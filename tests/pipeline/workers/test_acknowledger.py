"""Which records of a stream the sink acknowledges, and when."""

import threading

import pytest
import zmq

from pipeline.transport.feedback import decode_feedback
from pipeline.transport.logbook import SharedNumber
from pipeline.workers.acknowledger import Acknowledger
from stages.errors import OutputError


class Decoder:
    """Receives acknowledgements."""

    def __init__(self, context):
        self._socket = context.socket(zmq.PULL)
        self.endpoint = f"inproc://{id(self)}"
        self._socket.bind(self.endpoint)

    def received_positions(self):
        positions = []
        while self._socket.poll(0):
            positions.append(decode_feedback(self._socket.recv()).position)
        return positions


@pytest.fixture
def decoder():
    with zmq.Context() as context:
        decoder = Decoder(context)
        decoder.context = context
        yield decoder
        context.destroy(linger=0)


@pytest.fixture
def kept():
    return [0]


@pytest.fixture
def acknowledger(decoder, logbook, kept):
    return Acknowledger(decoder.context, decoder.endpoint, logbook, lambda: kept[0])


def test_a_record_and_those_behind_it_wait_for_its_picture(acknowledger, decoder, logbook, kept):
    for position, pictures in enumerate([0, 1, 2, 2]):  # a start, two frames, a drop
        acknowledger.took(position, pictures)
    assert acknowledger.acknowledge(4)
    kept[0] = 1
    assert acknowledger.acknowledge(4)
    assert not acknowledger.acknowledge(4)
    assert logbook[SharedNumber.ACKNOWLEDGED] == 2
    kept[0] = 2
    assert acknowledger.acknowledge(3)  # the caller holds the last one back
    assert acknowledger.acknowledge(4)
    assert decoder.received_positions() == [1, 2, 3, 4]
    assert logbook[SharedNumber.ACKNOWLEDGED] == 4


def test_a_lost_acknowledgement_is_resent(acknowledger, decoder):
    acknowledger.acknowledge(0)
    acknowledger.acknowledge(0)
    acknowledger.repeat()
    acknowledger.acknowledge(0)
    assert decoder.received_positions() == [0, 0]


def test_records_do_not_wait_for_abandoned_pictures(acknowledger, decoder):
    acknowledger.took(0, 1)
    acknowledger.acknowledge(1)
    acknowledger.give_up_pictures()
    acknowledger.acknowledge(1)
    assert decoder.received_positions() == [0, 1]


def test_an_overlay_error_is_raised_only_when_a_record_waits_for_it(decoder, logbook):
    def failed():
        raise OutputError("disk full")

    acknowledger = Acknowledger(decoder.context, decoder.endpoint, logbook, failed)
    acknowledger.acknowledge(0)
    acknowledger.took(0, 1)
    with pytest.raises(OutputError):
        acknowledger.acknowledge(1)


def test_a_missing_decoder_does_not_block_shutdown(logbook, tmp_path):
    context = zmq.Context()
    acknowledger = Acknowledger(context, f"ipc://{tmp_path}/gone", logbook, lambda: 0)
    acknowledger.acknowledge(1)
    acknowledger.close()
    ending = threading.Thread(target=context.term, daemon=True)
    ending.start()
    ending.join(10)
    assert not ending.is_alive()
