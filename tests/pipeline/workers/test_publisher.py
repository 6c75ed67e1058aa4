import zmq

from pipeline.transport.broadcast import Broadcast
from pipeline.transport.messages import Envelope, encode
from pipeline.transport.subscription import Subscription
from pipeline.workers.publisher import Publisher
from stages.records import EndOfStream, EndReason
from tests.waiting import wait_for


def test_what_did_not_come_as_a_record_is_of_the_same_run_and_channel(tmp_path):
    end, address = EndOfStream("cam", 0, 9, EndReason.TRUNCATED), f"ipc://{tmp_path}/tracks"
    with zmq.Context() as context, Subscription(address) as subscription:
        broadcast = Broadcast(context, address, None, None)
        publisher = Publisher(broadcast, "run", 3)

        def heard():
            publisher.tell(end, 8)
            return subscription.receive(0.02)

        envelope = wait_for(heard)
        assert (envelope.record, envelope.run) == (end, "run")
        assert (envelope.channel, envelope.position) == (3, 8)
        broadcast.close()


def test_an_end_waits_until_subscribers_of_a_dead_sink_are_connected_again(tmp_path):
    end, address = EndOfStream("cam", 0, 9, EndReason.COMPLETE), f"ipc://{tmp_path}/tracks"
    with zmq.Context() as context, Subscription(address) as subscription:  # it tries every 0.1 s
        broadcast = Broadcast(context, address, None, None, held_back=1.0)
        envelope = Envelope(end)
        Publisher(broadcast, "run", 3).forward(envelope, encode(envelope), [])
        assert subscription.receive(10).record == end
        broadcast.close()
