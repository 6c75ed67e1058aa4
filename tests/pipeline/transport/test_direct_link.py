from pipeline.transport.direct_link import DirectLink
from pipeline.transport.envelope import Envelope
from pipeline.transport.link import Receiver, Sender
from stages.records import Dropped, DropReason
from tests.pipeline.transport.conftest import MALFORMED, SKIPPED, prepare


def test_messages_are_prepared_on_receive(context, tmp_path):
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


def test_a_message_behind_skipped_ones_is_received_without_waiting(context):
    source, target = "inproc://source", "inproc://target"  # messages arrive at once
    with DirectLink(context, source, target, prepare, lambda: None, copy=True) as link:
        before = Sender(context, source)
        for position in (MALFORMED, SKIPPED, 3):
            dropped = Dropped("a", 0, position, position, DropReason.BEHIND)
            before.send(Envelope(dropped, position=position))
        assert link.receive(0).position == 3
        assert link.receive(0) is None
