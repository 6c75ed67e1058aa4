from pipeline.transport.direct_link import DirectLink
from pipeline.transport.envelope import Envelope
from pipeline.transport.link import Receiver, Sender
from stages.records import Dropped, DropReason
from tests.pipeline.transport.conftest import MALFORMED, PASSED_OVER, prepare


def test_messages_are_prepared_as_they_are_asked_for(context, tmp_path):
    source, target = f"ipc://{tmp_path}/source", f"ipc://{tmp_path}/target"
    before, after = Sender(context, source), Receiver(context, target)
    with DirectLink(context, source, target, prepare, lambda: None, copy=True) as link:
        for position in range(4):
            dropped = Dropped("a", 0, position, position, DropReason.BEHIND)
            before.send(Envelope(dropped, position=position))
        received = [link.receive(5), link.receive(5)]
        assert [envelope.position for envelope in received] == [0, 3]
        assert link.receive(0.01) is None
        link.send(received)
        assert [after.receive(5).position for _ in range(2)] == [0, 3]


def test_a_message_that_waits_behind_others_is_there_at_once(context):
    source, target = "inproc://source", "inproc://target"  # what is sent has arrived at once
    with DirectLink(context, source, target, prepare, lambda: None, copy=True) as link:
        before = Sender(context, source)
        for position in (MALFORMED, PASSED_OVER, 3):
            dropped = Dropped("a", 0, position, position, DropReason.BEHIND)
            before.send(Envelope(dropped, position=position))
        assert link.receive(0).position == 3
        assert link.receive(0) is None
