import threading
from fractions import Fraction

import msgspec
import pytest
import zmq
from msgspec import structs

from pipeline.config import DetectorConfig, RunConfig, RuntimeConfig
from pipeline.supervision.runtime_folder import RuntimeFolder
from pipeline.transport.envelope import MAX_POSITION
from pipeline.transport.feedback import Acknowledged, Resend, encode_feedback
from pipeline.transport.link import Receiver
from pipeline.transport.logbook import Logbook, SharedNumber
from pipeline.transport.messages import decode
from pipeline.workers.frame_sender import FrameSender
from stages.decoder.motion import STILL
from stages.errors import SourceError
from stages.records import (
    Dropped,
    DropReason,
    EndOfStream,
    EndReason,
    Frame,
    PixelFormat,
    StreamStart,
)
from tests.pipeline.workers.conftest import ReportLog
from tests.waiting import wait_for

RATE = Fraction(25)
STOPPED = EndReason.INTERRUPTED, "stopped"


@pytest.fixture
def live(plan):
    """The plan of a decoder in live mode with four slots, one of which may be in flight."""
    folder = RuntimeFolder("live")
    folder.add_stream(0, "north", entries=40, lossless=False)
    config = RunConfig(runtime=RuntimeConfig(mode="live", slots=4, in_flight=1))
    yield structs.replace(
        plan, stage="decoder", config=config, streams=plan.streams[:1], sockets=folder.path
    )
    folder.close()


def start(epoch):
    return StreamStart("north", epoch, "north.mp4", 32, 48, RATE, 1 / RATE)


def frame(epoch, number):
    header = start(epoch).header(number, number, number, 0, PixelFormat.YUV420P)
    return Frame(header, None)


def broken(epoch, number):
    return Dropped("north", epoch, number, number, DropReason.BROKEN)


def send_all(sender, records):
    for record in records:
        if isinstance(record, Frame):
            sender.allocate(record.header.shape)
            sender.send(record.header, 0)
        else:
            sender.announce(record)


def sent(plan):
    """Returns what was sent: starts, the numbers of frames (also of dropped ones), the end."""
    entries = []
    for _, message in Logbook(plan.logbook(0)).unacknowledged():
        record = decode(msgspec.msgpack.decode(message)).record
        if isinstance(record, Frame):
            entries.append((record.header.epoch, record.header.sequence))
        elif isinstance(record, Dropped):
            entries += [(record.epoch, number) for number in range(record.first, record.last + 1)]
        else:
            entries.append((record.epoch, type(record)))
    return entries


def test_frames_waiting_in_a_dead_decoder_of_a_file_are_sent_by_the_next(live):
    source = [
        *(start(0), frame(0, 0), broken(0, 1), *(frame(0, number) for number in range(2, 9))),
        *(start(1), frame(1, 9), broken(1, 10), frame(1, 11)),
        EndOfStream("north", 1, 12, EndReason.COMPLETE),
    ]
    with zmq.Context() as killed:
        sender = FrameSender(live, killed, ReportLog(), False, threading.Event())
        send_all(sender, source[:11])  # the second start waits for the frames before it
        killed.destroy(linger=0)
    assert (0, 5) in sent(live)
    assert (1, StreamStart) not in sent(live)
    with zmq.Context() as context, context.socket(zmq.PUSH) as sink:
        sender = FrameSender(live, context, ReportLog(), False, threading.Event())
        assert sender.is_skipping
        sink.connect(live.endpoint("ack-0"))
        sender.start()

        def has_ended():
            ended = (1, EndOfStream) in sent(live)
            sink.send(encode_feedback(Acknowledged(MAX_POSITION)))
            return ended

        send_all(sender, source)
        wait_for(has_ended)
        sender.close()
    assert sent(live) == [
        *((0, StreamStart), *((0, number) for number in range(9))),
        *((1, StreamStart), *((1, number) for number in range(9, 12)), (1, EndOfStream)),
    ]


@pytest.mark.parametrize("latest", [frame(0, 0), broken(0, 0)])
def test_a_record_logged_just_before_a_decoder_died_is_not_sent_twice(live, latest):
    logbook = Logbook(live.logbook(0))
    for _ in range(2):
        logbook[SharedNumber.ACCOUNTED] = 0  # the first one dies before it has accounted for it
        with zmq.Context() as killed:
            sender = FrameSender(live, killed, ReportLog(), False, threading.Event())
            if not sender.is_skipping:
                send_all(sender, [start(0), latest])
            assert sent(live) == [(0, StreamStart), (0, 0)]
            assert logbook[SharedNumber.ACCOUNTED] == 1
            killed.destroy(linger=0)
    assert sender.given == 1


def test_a_decoder_ends_with_its_stream_without_an_acknowledgement(live):
    with zmq.Context() as context:
        sender = FrameSender(live, context, ReportLog(), False, threading.Event())
        sender.start()
        send_all(sender, [start(0), frame(0, 0), EndOfStream("north", 0, 1, EndReason.COMPLETE)])
        Logbook(live.logbook(0))[SharedNumber.RELEASED] = 1
        sender.close()
        context.destroy(linger=0)


def test_a_closing_decoder_first_sends_waiting_records(live):
    with zmq.Context() as context, context.socket(zmq.PUSH) as sink:
        sink.connect(live.endpoint("ack-0"))
        sender = FrameSender(live, context, ReportLog(), False, threading.Event())
        sender.start()
        end = EndOfStream("north", 0, 3, EndReason.COMPLETE)
        send_all(sender, [start(0), *(frame(0, number) for number in range(3)), end])
        closing = threading.Thread(target=sender.close)
        closing.start()

        def has_closed():
            sink.send(encode_feedback(Acknowledged(MAX_POSITION)))
            return not closing.is_alive()

        wait_for(has_closed)
        context.destroy(linger=0)
    assert sent(live)[-3:] == [(0, 1), (0, 2), (0, EndOfStream)]


@pytest.fixture
def senders(live):
    """Makes senders one after another; each first kills the previous one."""
    contexts = []

    def following(plan=live, *, resumes=False):
        for context in contexts:
            context.destroy(linger=0)
        contexts.append(zmq.Context())
        contexts[-1].linger = 0  # for its sockets, which nobody closes
        return FrameSender(plan, contexts[-1], ReportLog(), resumes, threading.Event())

    yield following
    for context in contexts:
        context.destroy(linger=0)


def latest_sent(plan):
    [*_, (_, message)] = Logbook(plan.logbook(0)).unacknowledged()
    return decode(msgspec.msgpack.decode(message))


def numbers(plan):
    names = ("EPOCHS", "SEQUENCE", "SEEN", "CAPTURED_NS")
    return [Logbook(plan.logbook(0))[SharedNumber[name]] for name in names]


def test_the_logbook_holds_the_decoders_position(live, senders):
    sender, header = senders(), start(2).header(5, 11, 11, 77, PixelFormat.YUV420P)
    send_all(sender, [start(2), Frame(header, None)])
    assert numbers(live) == [3, 6, 12, 77]
    send_all(sender, [broken(3, 6)])
    assert numbers(live) == [4, 7, 12, 77]


def test_work_on_a_frame_excludes_the_wait_for_its_slot(live, senders):
    sender, header, work_ns = senders(), frame(0, 0).header, 10**15
    sender.announce(start(0))
    sender.allocate(header.shape)
    sender.send(header, work_ns)
    assert work_ns // 2 < latest_sent(live).work_ns["decoder"] < work_ns


def test_a_live_decoder_always_keeps_one_slot_to_fill(live, senders):
    runtime = RuntimeConfig(mode="live", slots=4, in_flight=4)
    plan = structs.replace(live, config=RunConfig(runtime=runtime))
    send_all(senders(plan), [start(0), *(frame(0, number) for number in range(4))])
    assert sent(live) == [(0, StreamStart), (0, 0), (0, 1), (0, 2)]


def test_a_camera_resumes_after_frames_that_its_dead_decoder_never_sent(live, senders):
    """Its motion meanwhile is unknown."""
    send_all(senders(), [start(0), *(frame(0, number) for number in range(3))])
    assert sent(live) == [(0, StreamStart), (0, 0)]
    sender = senders(resumes=True)
    assert sender.given == 3
    sender._flow.acknowledge(2)
    for number in (3, 4):
        header = frame(0, number).header
        sender.allocate(header.shape)
        sender.send(header, 0, STILL)
        motion = latest_sent(live).record.motion
        assert (motion is None) is (number == 3)
        sender._flow.acknowledge(4)
    assert sent(live) == [(0, StreamStart), *((0, number) for number in range(5))]


def test_a_file_that_ends_early_is_an_error_but_may_be_interrupted_there(live, senders):
    send_all(senders(), [start(0), frame(0, 0)])
    sender = senders()
    with pytest.raises(SourceError, match="north ends before the frame where it was interrupted"):
        sender.announce(EndOfStream("north", 0, 1, EndReason.COMPLETE))
    sender.end(*STOPPED)
    assert sent(live) == [(0, StreamStart), (0, 0), (0, EndOfStream)]
    assert latest_sent(live).record == EndOfStream("north", 0, 1, *STOPPED)


@pytest.mark.parametrize(
    ("records", "end"),
    [
        ([], (0, 0)),
        ([start(0), frame(0, 0)], (0, 1)),
        ([start(0), frame(0, 0), broken(0, 1)], (0, 2)),
        ([start(0), frame(0, 0), start(1)], (1, 1)),
    ],
)
def test_the_end_has_the_latest_epoch_and_the_number_of_frames_given(live, senders, records, end):
    sender = senders()
    send_all(sender, records)
    sender.end(*STOPPED)
    assert latest_sent(live).record == EndOfStream("north", *end, *STOPPED)


def test_the_end_counts_the_frames_of_earlier_decoders_once(live, senders):
    begun = [start(0), frame(0, 0), broken(0, 1)]
    send_all(senders(), begun)
    sender = senders()
    send_all(sender, begun[:2])
    sender.end(*STOPPED)
    assert latest_sent(live).record == EndOfStream("north", 0, 2, *STOPPED)


def test_a_sending_thread_error_is_raised_even_for_records_sent_before(live, senders):
    records = [start(0), frame(0, 0)]
    send_all(senders(), records)
    for record in records:
        sender = senders()
        sender._error = OSError("of its thread")
        with pytest.raises(OSError, match="of its thread"):
            send_all(sender, [record])


def test_a_dead_detectors_frames_are_resent_despite_malformed_feedback(live, senders, context):
    config = RunConfig(detector=DetectorConfig(workers=2), runtime=live.config.runtime)
    detectors = [Receiver(context, live.endpoint(f"detector-{n}")) for n in range(2)]
    feedback = context.socket(zmq.PUSH)
    feedback.connect(live.endpoint("ack-0"))
    sender = senders(structs.replace(live, config=config))
    sender.start()
    send_all(sender, [start(0), frame(0, 0)])
    for message in (b"nonsense", encode_feedback(Resend(1))):
        feedback.send(message)
    received = [detectors[n].receive(10) for n in (0, 1, 1)]
    assert [each and each.position for each in received] == [0, 1, 1]
    assert detectors[0].receive(0.05) is None
    feedback.send(encode_feedback(Acknowledged(2)))
    sender.close()


def test_records_that_a_dead_decoder_had_sent_are_resent(live, senders, context):
    send_all(senders(), [start(0), frame(0, 0)])
    detector = Receiver(context, live.endpoint("detector-0"))
    sender = senders()
    sender.start()
    assert [detector.receive(10).position for _ in range(2)] == [0, 1]
    Logbook(live.logbook(0))[SharedNumber.RELEASED] = 1
    sender.close()
