import os
import resource
import select
import time

import pytest

from pipeline.transport.background_link import BackgroundLink
from pipeline.transport.envelope import Envelope
from pipeline.transport.link import Receiver, Sender
from pipeline.transport.messages import MessageError
from stages.errors import SpotStreamError
from stages.records import Dropped, DropReason
from tests.waiting import wait_for

MALFORMED, LOST = 1, 4


@pytest.fixture
def ends(context, tmp_path):
    """The sender to the link, the link, and the receiver from it."""
    source, target = f"ipc://{tmp_path}/source", f"ipc://{tmp_path}/target"
    link = BackgroundLink(context, source, target, prepare, lambda: None, ahead=2, copy=True)
    return Sender(context, source), link, Receiver(context, target)


def message(position):
    return Envelope(Dropped("a", 0, position, position, DropReason.BEHIND), position=position)


def prepare(envelope):
    if envelope.position == MALFORMED:
        raise MessageError("harmed")
    if envelope.position == LOST:
        raise SpotStreamError("lost")
    return envelope


def test_results_are_sent_and_messages_prepared_while_the_stage_works(ends):
    before, link, after = ends
    with link:
        for position in range(4):
            before.send(message(position))
        assert link.receive(5).position == 0
        link.send([message(7), message(8)])
        assert [after.receive(5).position for _ in range(2)] == [7, 8]
        assert [link.receive(5).position for _ in range(2)] == [2, 3]
        assert link.receive(0) is None


def test_prefetching_is_limited_and_free_room_is_used_at_once(context, tmp_path, monkeypatch):
    monkeypatch.setattr("pipeline.transport.background_link._TURN_SECONDS", 60.0)
    prepared = []
    endpoint, target = f"ipc://{tmp_path}/source", f"ipc://{tmp_path}/target"

    def note(envelope):
        prepared.append(envelope.position)
        return envelope

    link = BackgroundLink(context, endpoint, target, note, lambda: None, ahead=2, copy=True)
    before = Sender(context, endpoint)
    with link:
        for position in range(6):
            before.send(message(position))
        assert link.receive(5).position == 0
        wait_for(lambda: len(prepared) == 3, 10)
        time.sleep(0.2)
        assert prepared == [0, 1, 2]
        assert [link.receive(5).position for _ in range(5)] == [1, 2, 3, 4, 5]


def test_results_are_sent_at_once_and_the_wake_signal_is_cleared(ends, monkeypatch):
    monkeypatch.setattr("pipeline.transport.link._SIGNAL_SECONDS", 60.0)
    _, link, after = ends
    with link:
        link.send([message(7)])
        assert after.receive(5).position == 7
        wait_for(lambda: not select.select([link._wake], [], [], 0)[0])


def test_descriptors_beyond_the_limit_of_select_work(context, tmp_path):
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    if before[1] < 2048:
        pytest.skip("the system does not allow as many")
    resource.setrlimit(resource.RLIMIT_NOFILE, (2048, before[1]))
    taken = [os.dup(0) for _ in range(1024)]  # select() refuses descriptors from 1024 on
    endpoint, target = f"ipc://{tmp_path}/source", f"ipc://{tmp_path}/target"
    try:
        link = BackgroundLink(context, endpoint, target, prepare, lambda: None, ahead=1, copy=True)
        before_link = Sender(context, endpoint)
        with link:
            for position in (0, 2, 3):
                before_link.send(message(position))
            time.sleep(0.3)
            assert [link.receive(5).position for _ in range(3)] == [0, 2, 3]
    finally:
        for descriptor in taken:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_an_error_follows_earlier_messages_and_results_are_still_sent(ends):
    before, link, after = ends
    with link:
        for position in range(2, 5):
            before.send(message(position))
        received = [link.receive(5) for _ in range(2)]
        with pytest.raises(SpotStreamError, match="lost"):
            link.receive(5)
        link.send(received)
    assert [after.receive(5).position for _ in range(2)] == [2, 3]
