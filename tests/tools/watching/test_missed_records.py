"""Records that were not received are reported."""

import dataclasses
import itertools
import json
import signal
import subprocess
import threading
from fractions import Fraction

import pytest
import zmq

from pipeline.transport.broadcast import Broadcast
from pipeline.transport.envelope import MAX_POSITION, Envelope
from pipeline.transport.messages import encode
from pipeline.transport.subscription import Subscription
from stages.measurements import Crossings, ZoneCounts, ZoneEvent, ZoneEvents
from stages.records import Dropped, DropReason, EndOfStream, EndReason, StreamStart
from tools.harness.runner import SPOTSTREAM
from tools.watching.missed_records import MissedRecords
from tools.watching.watch import watch

START, NEXT_START = (
    StreamStart("north", epoch, "", 540, 960, Fraction(25), Fraction(1, 25)) for epoch in (0, 1)
)
DROPPED = Dropped("north", 0, 1, 2, DropReason.BEHIND)
CROSSED = Crossings("north", (), {})
END = EndOfStream("north", 0, 122, EndReason.COMPLETE)
BROKEN_OFF = EndOfStream("north", 0, 122, EndReason.TRUNCATED)
OTHER = Dropped("other", 0, 1, 2, DropReason.BEHIND)
WARNING = "missed: this watch or the network was too slow, or the connection broke off\n"


@pytest.fixture
def address(tmp_path):
    return f"ipc://{tmp_path}/tracks"


@pytest.fixture
def broadcast(address):
    with zmq.Context() as context:
        broadcast = Broadcast(context, address, None, None)
        yield broadcast
        broadcast.close()


def of_north(record, position, run="a", channel=3):
    return Envelope(record, run=run, channel=channel, position=position)


@pytest.fixture
def exchange(address, broadcast):
    """Publishes envelopes to a connected subscriber and yields those that it receives."""
    positions = itertools.count()

    def others():
        broadcast.send(encode(Envelope(OTHER, channel=9, position=next(positions))))

    def through_sockets(envelopes):
        for envelope in envelopes:
            broadcast.send(encode(envelope))
        others()
        while (envelope := subscription.receive(10)).stream == "north":
            yield envelope

    with Subscription(address) as subscription:
        others()
        while subscription.receive(0.02) is None:
            others()
        while subscription.receive(0.1) is not None:
            pass
        yield through_sockets


@pytest.mark.parametrize(
    ("sent", "missing"),
    [
        pytest.param(
            [(START, 0), (DROPPED, 1), (DROPPED, 5), (DROPPED, 6), (END, 9)],
            {5: 3, 9: 2},
            id="gaps",
        ),
        pytest.param(
            [(DROPPED, 2), (DROPPED, 5), (START, 9), (DROPPED, 10), (END, 11)],
            {},
            id="a late subscriber",
        ),
        pytest.param(
            [(START, 0), (DROPPED, 1), (CROSSED, 1), (START, 1), (DROPPED, 2), (END, 2)],
            {},
            id="several at one position",
        ),
        pytest.param(
            [(START, 0), *((DROPPED, n) for n in (1, 2, 3, 1, 2, 3, 4)), (START, 4), (END, 5)],
            {},
            id="the successor of a dead sink tells some again",
        ),
        pytest.param(
            [(START, 0), (DROPPED, 1), (NEXT_START, 4), (DROPPED, 5)],
            {4: 2},
            id="with the start of a connection",
        ),
        pytest.param(
            [(START, 0), (DROPPED, 1), (START, 7, "b"), (END, 5, "a"), (DROPPED, 8, "b")],
            {},
            id="another run",
        ),
        pytest.param(
            [(START, 0), (DROPPED, 1), (START, 7, "a", 4), (DROPPED, 8, "a", 4)],
            {},
            id="removed, and added again",
        ),
        pytest.param(
            [(START, 0), (DROPPED, 1), (BROKEN_OFF, MAX_POSITION)],
            {},
            id="an end that was no record",
        ),
        pytest.param([(END, 3), (DROPPED, 9)], {}, id="of a stream without a start"),
        pytest.param([(START, 0), (END, 1), (DROPPED, 5)], {}, id="after its end"),
    ],
)
def test_gaps_between_positions_are_reported_as_missed_records(exchange, sent, missing, capsys):
    missed = MissedRecords()
    missing_before = {
        each.position: missed.before(each) for each in exchange(of_north(*each) for each in sent)
    }
    assert {position: count for position, count in missing_before.items() if count} == missing
    missed.close()
    assert capsys.readouterr().err.count(WARNING) == len(missing)


def test_ongoing_losses_are_reported_once_a_minute(exchange, capsys):
    now = 0.0
    missed = MissedRecords(lambda: now)

    def reported_at(seconds):
        nonlocal now
        now = seconds
        missed.report_due()
        return capsys.readouterr().err

    positions = (0, 2, 1003, 1005, 1006, 1008)
    envelopes = exchange(of_north(DROPPED if at else START, at) for at in positions)
    for _ in range(4):
        missed.before(next(envelopes))
    assert reported_at(59) == f"north: 1 record {WARNING}"
    assert reported_at(60) == f"north: 1,001 records {WARNING}"
    missed.before(next(envelopes))
    assert reported_at(120) == ""
    missed.before(next(envelopes))
    assert reported_at(121) == f"north: 1 record {WARNING}"
    missed.close()
    assert reported_at(200) == ""


def test_unreported_losses_are_reported_at_close(exchange, capsys):
    missed = MissedRecords(lambda: 0.0)
    for envelope in exchange([of_north(START, 0), of_north(DROPPED, 2), of_north(DROPPED, 5)]):
        missed.before(envelope)
    missed.close()
    assert capsys.readouterr().err == f"north: 1 record {WARNING}north: 2 records {WARNING}"


def test_a_suspended_watch_reports_the_records_it_missed(address, broadcast):
    command = [*SPOTSTREAM, "watch", address, "--json"]
    kinds = ["--kind", "start", "--kind", "zone", "--kind", "missed"]
    pipe, over, positions = subprocess.PIPE, threading.Event(), itertools.count(1)

    def enter():
        position = next(positions)
        event = ZoneEvent(position, "t" * 1000, 7, 0, "stop", "enter", 0.0)
        record = ZoneEvents("north", position, "", (event,), {"stop": ZoneCounts(position, 1)})
        broadcast.send(encode(of_north(record, position)))

    def publish():
        while not over.wait(0.02):
            broadcast.send(encode(of_north(START, 0)))
        over.clear()
        process.send_signal(signal.SIGSTOP)
        for _ in range(5000):
            enter()
        process.send_signal(signal.SIGCONT)
        while not over.wait(0.02):
            enter()

    thread = threading.Thread(target=publish, daemon=True)
    with subprocess.Popen([*command, *kinds], stdout=pipe, stderr=pipe, text=True) as process:
        thread.start()
        try:
            assert json.loads(process.stdout.readline())["kind"] == "start"
            over.set()
            latest, missed = 0, []
            while latest <= 5000:
                fact = json.loads(process.stdout.readline())
                if fact["kind"] == "missed":
                    missed.append(fact)
                    latest += fact["records"]
                else:
                    latest += 1
                    assert fact["frame"] == latest
        finally:
            over.set()
            process.terminate()
        thread.join()
        error = process.stderr.read()
    assert missed[0].keys() == {"kind", "run", "stream", "channel", "records"}
    assert sum(fact["records"] for fact in missed) > 1000
    assert error.startswith(f"north: {missed[0]['records']:,} records {WARNING}")


def test_losses_of_unwatched_streams_are_not_reported(address, broadcast, capsys):
    over, facts = threading.Event(), []

    def publish():
        start = dataclasses.replace(START, stream="south")
        dropped = dataclasses.replace(DROPPED, stream="south")
        for position in itertools.count():
            for each in (start if position == 0 else dropped, start):
                broadcast.send(encode(of_north(each, position, channel=4)))
            for each in (START, DROPPED):  # every other one is missing
                broadcast.send(encode(of_north(each, 2 * position)))
            if over.wait(0.01):
                return

    def collect(fact):
        facts.append(fact["kind"])
        if len(facts) == 5:
            raise InterruptedError

    thread = threading.Thread(target=publish)
    thread.start()
    with pytest.raises(InterruptedError):
        watch(address, "south", None, None, collect)
    over.set()
    thread.join()
    assert "missed" not in facts
    assert "missed" not in capsys.readouterr().err
