import pytest
import zmq

from pipeline.transport.broadcast import Broadcast
from pipeline.transport.envelope import Envelope
from pipeline.transport.messages import encode
from pipeline.transport.subscription import Subscription
from pipeline.workers.publisher import Publisher
from stages.measurements import Crossings
from stages.records import Dropped, DropReason, EndOfStream, EndReason
from tests.stages.sink.conftest import make_start
from tests.waiting import wait_for


def test_a_record_of_the_sinks_own_has_the_run_and_channel(tmp_path):
    end, address = EndOfStream("cam", 0, 9, EndReason.TRUNCATED), f"ipc://{tmp_path}/tracks"
    with zmq.Context() as context, Subscription(address) as subscription:
        broadcast = Broadcast(context, address, None, None)
        publisher = Publisher(broadcast, "run", 3)

        def heard():
            publisher.publish(end, 8)
            return subscription.receive(0.02)

        envelope = wait_for(heard)
        assert (envelope.record, envelope.run) == (end, "run")
        assert (envelope.channel, envelope.position) == (3, 8)
        broadcast.close()


@pytest.mark.parametrize("came", [True, False])
def test_an_end_waits_for_a_dead_sinks_subscribers_to_reconnect(tmp_path, came):
    end, address = EndOfStream("cam", 0, 9, EndReason.COMPLETE), f"ipc://{tmp_path}/tracks"
    with zmq.Context() as context, Subscription(address) as subscription:  # it retries every 0.1 s
        broadcast = Broadcast(context, address, None, None, held_back=1.0)
        publisher, envelope = Publisher(broadcast, "run", 3), Envelope(end)
        if came:
            publisher.forward(envelope, encode(envelope), [])
        else:
            publisher.publish(end, 8)
        assert subscription.receive(10).record == end
        broadcast.close()


def test_results_derived_from_a_record_follow_it_with_its_position(tmp_path):
    records = make_start(), Dropped("cam", 0, 5, 6, DropReason.BEHIND)
    derived, end = Crossings("cam", (), {}), EndOfStream("cam", 0, 7, EndReason.COMPLETE)
    address = f"ipc://{tmp_path}/tracks"
    with zmq.Context() as context, Subscription(address) as subscription:
        broadcast = Broadcast(context, address, None, None, held_back=1.0)
        publisher = Publisher(broadcast, "run", 3)
        for position, record in enumerate(records, 6):
            envelope = Envelope(record, channel=3, position=position, run="run")
            publisher.forward(envelope, encode(envelope), [derived] * (position == 7))
        publisher.publish(end, 8)
        received = [subscription.receive(10) for _ in range(4)]
        assert [each.record for each in received] == [*records, derived, end]
        assert [each.position for each in received] == [6, 7, 7, 8]
        broadcast.close()
