import math
import socket
import threading
import time
from fractions import Fraction
from pathlib import Path

import msgspec
import numpy as np
import pytest
import zmq

from pipeline.transport import subscription
from pipeline.transport.broadcast import Broadcast
from pipeline.transport.envelope import Envelope, Heartbeat
from pipeline.transport.messages import encode
from pipeline.transport.subscription import Subscription, _KnownStreams, _needs_ipv6, subscribe
from stages.errors import ConfigError
from stages.measurements import Counts, Crossing, Crossings
from stages.records import (
    Detections,
    Dropped,
    DropReason,
    EndOfStream,
    EndReason,
    FrameHeader,
    PixelFormat,
    StreamStart,
    Tracks,
)
from tests.pipeline.transport.conftest import Listener, publish
from tests.waiting import wait_for

RATE = Fraction(25)
CROSSED = Crossings("cam", (Crossing(7, "0.24", 3, 0, "gate", "left"),), {"gate": Counts(1, 0)})


def tracks_of(epoch):
    frame = FrameHeader("cam", epoch, 0, 0, 0, 1 / RATE, 0, 4, 6, PixelFormat.YUV420P)
    boxes, scores = np.zeros((0, 4), np.float32), np.zeros(0, np.float32)
    classes, ids = np.zeros(0, np.int16), np.zeros(0, np.int64)
    return Tracks(Detections(frame, boxes, scores, classes), boxes, scores, classes, ids)


def test_silence_beyond_the_timeout_is_an_error(context, address):
    broadcast = Broadcast(context, address, None, None)
    envelopes = subscribe(address, timeout=0.3)
    with pytest.raises(TimeoutError, match=r"nothing arrived from ipc:.* for 0\.3 s"):
        next(envelopes)
    listener = Listener(address)
    record = publish(broadcast, [listener], 100)
    assert listener.heard[0] == record
    broadcast.close()


def test_tracks_follow_their_start_which_is_received_once(context, address):
    first, second = (StreamStart("cam", n, "x", 4, 6, RATE, 1 / RATE) for n in (0, 1))
    end = EndOfStream("cam", 0, 0, EndReason.COMPLETE)
    sent = [  # record, its run and channel, whether it is received
        (tracks_of(0), ("a", 0), False),
        (CROSSED, ("a", 0), False),
        (first, ("a", 0), True),
        (tracks_of(0), ("a", 0), True),
        (first, ("a", 0), False),  # a repetition
        (Dropped("cam", 0, 4, 6, DropReason.BEHIND), ("a", 0), True),
        (CROSSED, ("a", 0), True),
        (Heartbeat(), ("a", 0), False),
        (tracks_of(1), ("a", 0), False),  # its start was missed
        (second, ("a", 0), True),
        (tracks_of(1), ("a", 0), True),
        (tracks_of(1), ("b", 0), False),  # of another run, after the first was killed
        (second, ("b", 0), True),
        (tracks_of(1), ("a", 0), False),  # was waiting in the other connection
        (end, ("a", 0), True),
        (second, ("b", 0), False),
        (second, ("b", 1), True),  # of a stream that was removed and added again
        (tracks_of(1), ("b", 0), False),
        (end, ("b", 1), True),
        (second, ("b", 1), True),
        (first, ("a", 0), False),  # was waiting too
        (tracks_of(1), ("b", 1), True),
    ]
    broadcast = Broadcast(context, address, None, None)
    listener = Listener(address)
    greeting = publish(broadcast, [listener], 100)
    for position, (record, (run, channel), _) in enumerate(sent):
        envelope = Envelope(record, run=run, channel=channel, position=position)
        broadcast.send(encode(envelope))
    last = Dropped("cam", 0, 9, 9, DropReason.BROKEN)
    broadcast.send(encode(Envelope(last)))
    wait_for(lambda: listener.heard[-1] == last)
    received = [each for each in listener.heard[:-1] if each != greeting]
    assert [type(each) for each in received] == [
        type(record) for record, _, is_received in sent if is_received
    ]
    broadcast.close()


def test_records_that_a_successor_repeats_are_received_once(context, address):
    first, second = (StreamStart("cam", n, "x", 4, 6, RATE, 1 / RATE) for n in (0, 1))
    end = EndOfStream("cam", 1, 2, EndReason.TRUNCATED)
    dropped = Dropped("cam", 0, 4, 6, DropReason.BEHIND)
    greeting = Dropped("other", 0, 1, 2, DropReason.BEHIND)
    records = [
        (first, 0),
        (tracks_of(0), 1),
        (CROSSED, 1),
        (first, 1),
        (dropped, 2),
        (second, 3),
        (tracks_of(1), 4),
        (CROSSED, 4),
        (end, 4),  # of an abandoned stream
    ]
    sent = [*records[:4], *records[1:7], *records, *records, (second, 4)]
    broadcast = Broadcast(context, address, None, None)
    with Subscription(address) as subscription:
        while subscription.receive(0.02) is None:
            broadcast.send(encode(Envelope(greeting, channel=7)))
        for record, position in sent:
            broadcast.send(encode(Envelope(record, position=position)))
        broadcast.send(encode(Envelope(greeting, channel=7, position=1)))
        received = [subscription.receive(10) for _ in range(9)]
        assert subscription.streams == []
    expected = [*records[:3], *records[4:], (greeting, 1)]
    assert [(type(each.record), each.position) for each in received] == [
        (type(record), position) for record, position in expected
    ]
    broadcast.close()


def test_only_the_latest_ended_streams_are_remembered(monkeypatch):
    monkeypatch.setattr(subscription, "_ENDED_STREAMS", 2)
    known = _KnownStreams()

    def starts(channel):
        start = StreamStart(f"cam {channel}", 0, "x", 4, 6, RATE, 1 / RATE)
        return known.admit(Envelope(start, channel=channel))

    ongoing, ended = (0, 1, 2), range(3, 50)
    assert all(starts(channel) for channel in ongoing)
    for channel in ended:
        assert starts(channel)
        end = EndOfStream(f"cam {channel}", 0, 0, EndReason.COMPLETE)
        assert known.admit(Envelope(end, channel=channel, position=1))
        assert not any(starts(channel) for channel in ongoing)  # repeated, as every second
    assert sorted(channel for _, channel in known._progress) == [*ongoing, 48, 49]
    assert known.names() == ["cam 0", "cam 1", "cam 2"]
    assert not any(starts(channel) for channel in (48, 49))


def test_heartbeats_and_repeated_starts_end_a_silence(context, address):
    start = StreamStart("cam", 0, "x", 4, 6, RATE, 1 / RATE)
    broadcast = Broadcast(context, address, None, None)
    with Subscription(address) as subscription:
        assert (subscription.silence, subscription.streams) == (math.inf, [])

        def receives(record):
            before = subscription.silence
            broadcast.send(encode(Envelope(record)))
            envelope = subscription.receive(0.05)
            return subscription.silence < before and (envelope or "nothing")

        assert wait_for(lambda: receives(Heartbeat())) == "nothing"
        assert wait_for(lambda: receives(start)).record == start
        assert subscription.streams == ["cam"]
        assert wait_for(lambda: receives(start)) == "nothing"
        before = subscription.silence
        assert subscription.receive(0.05) is None
        assert subscription.silence >= before + 0.05
        dropped = Dropped("cam", 0, 4, 6, DropReason.BEHIND)
        for record in (*[Heartbeat()] * 50, dropped):
            broadcast.send(encode(Envelope(record)))
        time.sleep(0.1)
        assert [subscription.receive(0) for _ in range(50)] == [None] * 50  # each ends the wait
        assert subscription.receive(10).record == dropped
        receives(EndOfStream("cam", 0, 0, EndReason.COMPLETE))
        assert subscription.streams == []
    broadcast.close()


def test_streams_of_a_killed_run_are_forgotten_once_another_run_sends(context, address):
    broadcast = Broadcast(context, address, None, None)
    start, other = (StreamStart(name, 0, "x", 4, 6, RATE, 1 / RATE) for name in ("north", "south"))
    with Subscription(address) as subscription:
        while subscription.receive(0.02) is None:
            broadcast.send(encode(Envelope(start, run="killed")))
        assert subscription.streams == ["north"]
        broadcast.send(encode(Envelope(Heartbeat(), run="next")))
        broadcast.send(encode(Envelope(start, run="killed")))  # was waiting in the other one
        broadcast.send(encode(Envelope(other, run="next")))
        wait_for(lambda: subscription.receive(0.1) and subscription.streams == ["south"])
    broadcast.close()


def test_a_subscription_survives_silence_and_noise(context, address):
    start = StreamStart("cam", 0, "x", 4, 6, RATE, 1 / RATE)
    end = EndOfStream("cam", 0, 0, EndReason.COMPLETE)
    broadcast = Broadcast(context, address, None, None)
    with Subscription(address) as subscription:
        while (first := subscription.receive(0.02)) is None:
            broadcast.send(encode(Envelope(start)))
        assert first.record == start
        while subscription.receive(0.2) is not None:
            pass
        broadcast.send([b"cam", b"noise"])
        for position, record in enumerate((tracks_of(0), end)):
            broadcast.send(encode(Envelope(record, position=position)))
        received = [subscription.receive(10) for _ in range(2)]
        assert [type(each.record) for each in received] == [Tracks, EndOfStream]
        assert subscription.receive(0) is None
    broadcast.close()


@pytest.mark.parametrize("admits", ["all, without keys", "nobody"])
def test_a_refused_subscriber_connects_once_it_is_admitted(address, keys, admits):
    (keys / "nobody").mkdir()
    server = keys / "server.key_secret"
    before = (server, keys / "nobody") if admits == "nobody" else (None, None)
    message = encode(Envelope(Dropped("cam", 0, 1, 2, "stages behind")))
    mine = str(keys / "friend.key_secret"), keys / "server.key"
    with Subscription(address, *mine) as subscription:
        with zmq.Context() as context:
            broadcast = Broadcast(context, address, *before)
            for _ in range(10):
                broadcast.send(message)
                assert subscription.receive(0.05) is None
            broadcast.close()
        with zmq.Context() as context:
            broadcast = Broadcast(context, address, server, keys / "clients")

            def received():
                broadcast.send(message)
                return subscription.receive(0.02)

            assert wait_for(received).stream == "cam"
            broadcast.close()


def test_keepalive_probes_detect_a_host_that_vanished(context, port):
    broadcast = Broadcast(context, f"tcp://127.0.0.1:{port}", None, None)
    with Subscription(f"tcp://127.0.0.1:{port}"):

        def timer():
            """The kernel's timer of the subscriber's connection, 02 if it probes the peer."""
            for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
                _, _, remote, state, _, timer, *_ = line.split()
                if remote.endswith(f":{port:04X}") and state == "01":
                    return timer
            return ""

        wait_for(lambda: timer().startswith("02:"))
    broadcast.close()


def test_invalid_keys_and_addresses_are_refused_at_once(address, keys):
    for key, server_key in ((keys / "friend.key_secret", None), (None, keys / "server.key")):
        with pytest.raises(ConfigError, match="key and server_key belong together"):
            Subscription(address, key, server_key)
    with pytest.raises(ConfigError, match="cannot read a key"):
        Subscription(address, keys / "nowhere", keys / "server.key")
    threads = len(list(Path("/proc/self/task").iterdir()))
    with pytest.raises(ConfigError, match=r"cannot connect to ipc:///o+: File name too long"):
        Subscription(f"ipc:///{200 * 'o'}")
    with pytest.raises(UnicodeEncodeError) as error:
        Subscription("ipc://caf\udce9")
    assert error.tb is not None  # what its frames leave open can block the garbage collector
    assert len(list(Path("/proc/self/task").iterdir())) == threads


@pytest.mark.parametrize("version", [1, 5])  # 5 had the same messages but sent each start only once
def test_a_pipeline_of_another_release_is_an_error(context, address, version):
    stream, header = encode(Envelope(Dropped("cam", 0, 1, 2, DropReason.BEHIND)))
    header = msgspec.msgpack.encode(msgspec.msgpack.decode(header) | {"version": version})
    broadcast, finished = Broadcast(context, address, None, None), threading.Event()

    def publish():
        while not finished.wait(0.02):
            broadcast.send([stream, header])

    thread = threading.Thread(target=publish)
    thread.start()
    with pytest.raises(
        ConfigError, match=rf"protocol version {version}, .*; are the releases the same"
    ):
        next(subscribe(address, timeout=10))
    finished.set()
    thread.join()
    broadcast.close()


@pytest.mark.parametrize(
    "address",
    [
        "nowhere",
        "127.0.0.1:5555",
        "http://127.0.0.1:5555",
        "inproc://nowhere",
        "tcp://127.0.0.1",
        "tcp://127.0.0.1:0",
        "tcp://127.0.0.1:65537",
    ],
)
def test_a_malformed_address_is_refused_with_the_expected_forms(address):
    with pytest.raises(ConfigError, match=rf"to {address}: expected tcp://HOST:PORT, .* or ipc:"):
        next(subscribe(address, timeout=0))


@pytest.mark.parametrize(
    ("address", "needed"),
    [
        ("tcp://[::1]:5560", True),
        ("tcp://six:5560", True),
        ("tcp://both:5560", False),
        ("tcp://127.0.0.1:5560", False),
        ("tcp://nowhere:5560", False),
        ("ipc://six/of:1", False),
    ],
)
def test_ipv6_is_enabled_only_for_hosts_without_ipv4_addresses(monkeypatch, address, needed):
    four = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 0))
    six = (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", 0, 0, 0))
    known = {"six": [six], "both": [six, four], "::1": [six], "127.0.0.1": [four]}

    def look_up(host, port):
        if host in known:
            return known[host]
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    assert _needs_ipv6(address) is needed
