import contextlib
import socket
import threading
import time
from fractions import Fraction
from pathlib import Path

import msgspec
import numpy as np
import pytest
import zmq
import zmq.auth

from pipeline.transport.broadcast import Broadcast, Subscription, load_key, make_key, subscribe
from pipeline.transport.messages import Envelope, encode
from stages.errors import ConfigError, OutputError
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
from tests.pipeline.conftest import wait_for

RATE = Fraction(25)
GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x01" + b"CURVE".ljust(52, b"\0")  # of ZMTP 3.1
LONG_COMMAND = b"\x06"


@pytest.fixture
def keys(tmp_path):
    folder = tmp_path / "keys"
    for name in ("server", "friend", "stranger"):
        make_key(folder, name)
    (folder / "clients").mkdir()
    (folder / "clients" / "friend.key").write_text((folder / "friend.key").read_text())
    return folder


class Listener:
    def __init__(self, address, *keys):
        self.heard = []
        threading.Thread(target=self._listen, args=(address, *keys), daemon=True).start()

    def _listen(self, address, *keys):
        for envelope in subscribe(address, *keys):
            self.heard.append(envelope.record)


def tracks_of(epoch):
    frame = FrameHeader("cam", epoch, 0, 0, 0, 1 / RATE, 0, 4, 6, PixelFormat.YUV420P)
    boxes, scores = np.zeros((0, 4), np.float32), np.zeros(0, np.float32)
    classes, ids = np.zeros(0, np.int16), np.zeros(0, np.int64)
    return Tracks(Detections(frame, boxes, scores, classes), boxes, scores, classes, ids)


def publish(broadcast, listeners, seconds):
    record = Dropped("cam", 0, 1, 2, DropReason.BEHIND)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not all(each.heard for each in listeners):
        broadcast.send(encode(Envelope(record)))
        time.sleep(0.02)
    return record


@pytest.fixture
def context():
    with zmq.Context() as context:
        yield context


@pytest.fixture
def address(tmp_path):
    return f"ipc://{tmp_path}/tracks"


@pytest.fixture
def port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


def test_only_listed_keys_get_in(context, address, keys):
    broadcast = Broadcast(context, address, keys / "server.key_secret", keys / "clients")
    try:
        server = keys / "server.key"
        friend = Listener(address, keys / "friend.key_secret", server)
        others = [
            Listener(address, keys / "stranger.key_secret", server),
            Listener(address),
            Listener(address, keys / "friend.key_secret", keys / "stranger.key"),
        ]
        record = publish(broadcast, [friend], 100)
        assert friend.heard[0] == record
        publish(broadcast, others, 0.5)
        assert [each.heard for each in others] == [[], [], []]
    finally:
        broadcast.close()


@pytest.mark.parametrize("size", [2**11, 400 * 2**20])
def test_who_has_no_key_takes_no_memory(context, address, keys, size):
    broadcast = Broadcast(context, address, keys / "server.key_secret", keys / "clients")
    try:
        with socket.socket(socket.AF_UNIX) as stranger:
            stranger.settimeout(2)
            stranger.connect(address.removeprefix("ipc://"))
            stranger.sendall(GREETING + LONG_COMMAND + size.to_bytes(8, "big"))
            with contextlib.suppress(ConnectionResetError):
                while stranger.recv(64):  # until the other end hangs up
                    pass
    finally:
        broadcast.close()


def test_who_says_nothing_is_hung_up_on(context, address, monkeypatch):
    monkeypatch.setattr("pipeline.transport.broadcast._HANDSHAKE_MS", 300)
    broadcast = Broadcast(context, address, None, None)
    with socket.socket(socket.AF_UNIX) as idle:
        idle.settimeout(10)
        idle.connect(address.removeprefix("ipc://"))
        while idle.recv(64):
            pass
    broadcast.close()


def test_connections_over_a_network_are_limited(context, port):
    broadcast = Broadcast(context, f"tcp://127.0.0.1:{port}", None, None)
    with contextlib.ExitStack() as undo:
        for _ in range(65):
            peer = undo.enter_context(socket.create_connection(("127.0.0.1", port)))
        peer.settimeout(2)
        with contextlib.suppress(ConnectionResetError):
            while peer.recv(64):
                pass
    broadcast.close()


def test_on_this_host_no_key_is_needed(context, address):
    broadcast = Broadcast(context, address, None, None)
    try:
        listener = Listener(address)
        assert listener.heard == [publish(broadcast, [listener], 100)] * len(listener.heard) != []
    finally:
        broadcast.close()


def test_who_is_behind_at_the_end_gets_what_waits(context, address):
    with zmq.Context() as own:
        broadcast = Broadcast(own, address, None, None)
        with context.socket(zmq.SUB) as subscriber:
            subscriber.rcvhwm = 50
            subscriber.subscribe(b"")
            subscriber.connect(address)
            while not subscriber.poll(50):
                broadcast.send([b"first"])
            for number in range(500):
                broadcast.send([bytes(20_000), b"%d" % number])
            broadcast.close()
            while (message := subscriber.recv_multipart())[-1] != b"499":
                assert subscriber.poll(100_000), message


def test_silence_is_an_error_where_it_is_limited(context, address):
    broadcast = Broadcast(context, address, None, None)
    envelopes = subscribe(address, timeout=0.3)
    with pytest.raises(TimeoutError, match=r"nothing came from ipc:.* for 0\.3 s"):
        next(envelopes)
    listener = Listener(address)
    record = publish(broadcast, [listener], 100)
    assert listener.heard[0] == record
    broadcast.close()


def test_tracks_come_after_their_start_which_comes_once(context, address):
    first, second = (StreamStart("cam", n, "x", 4, 6, RATE, 1 / RATE) for n in (0, 1))
    sent = [  # record, position, whether it comes
        (tracks_of(0), 3, False),
        (first, 3, True),  # a repeated one: its position is that of the latest record
        (tracks_of(0), 4, True),
        (first, 4, False),
        (Dropped("cam", 0, 4, 6, DropReason.BEHIND), 5, True),
        (tracks_of(1), 7, False),  # its start was missed
        (second, 7, True),
        (tracks_of(1), 8, True),
        (first, 0, True),  # of another run, after the first was killed
        (EndOfStream("cam", 0, 0, EndReason.COMPLETE), 1, True),
        (first, 0, True),
    ]
    broadcast = Broadcast(context, address, None, None)
    listener = Listener(address)
    greeting = publish(broadcast, [listener], 100)
    for record, position, _ in sent:
        broadcast.send(encode(Envelope(record, position=position)))
    expected = [type(record) for record, _, comes in sent if comes]
    wait_for(lambda: listener.heard[-1] == first and len(listener.heard) > len(expected))
    assert [type(each) for each in listener.heard if each != greeting] == expected
    broadcast.close()


def test_a_silence_ends_no_subscription(context, address):
    start = StreamStart("cam", 0, "x", 4, 6, RATE, 1 / RATE)
    end = EndOfStream("cam", 0, 0, EndReason.COMPLETE)
    broadcast = Broadcast(context, address, None, None)
    with Subscription(address) as subscription:
        while (first := subscription.receive(0.02)) is None:
            broadcast.send(encode(Envelope(start)))
        assert first.record == start
        while subscription.receive(0.2) is not None:
            pass
        for position, record in enumerate((tracks_of(0), end)):
            broadcast.send(encode(Envelope(record, position=position)))
        received = [subscription.receive(10) for _ in range(2)]
        assert [type(each.record) for each in received] == [Tracks, EndOfStream]
        assert subscription.receive(0) is None
    broadcast.close()


@pytest.mark.parametrize("admits", ["all, without keys", "nobody"])
def test_who_was_refused_gets_in_once_admitted(address, keys, admits):
    (keys / "nobody").mkdir()
    server = keys / "server.key_secret"
    before = (server, keys / "nobody") if admits == "nobody" else (None, None)
    message = encode(Envelope(Dropped("cam", 0, 1, 2, "stages behind")))
    mine = keys / "friend.key_secret", keys / "server.key"
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


def test_a_host_that_is_gone_without_a_word_is_noticed(context, port):
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


def test_what_a_subscription_cannot_work_with_is_refused_at_once(address, keys):
    for key, server_key in ((keys / "friend.key_secret", None), (None, keys / "server.key")):
        with pytest.raises(ConfigError, match="key and server_key belong together"):
            Subscription(address, key, server_key)
    with pytest.raises(ConfigError, match="cannot read a key"):
        Subscription(address, keys / "nowhere", keys / "server.key")
    threads = len(list(Path("/proc/self/task").iterdir()))
    with pytest.raises(ConfigError, match="cannot connect to nowhere"):
        Subscription("nowhere")
    with pytest.raises(UnicodeEncodeError) as error:
        Subscription("ipc://caf\udce9")
    assert error.tb is not None  # what its frames leave open can make the collector wait for ever
    assert len(list(Path("/proc/self/task").iterdir())) == threads


@pytest.mark.parametrize("version", [1, 5])  # 5 had the same messages, but sent each start once
def test_a_pipeline_of_another_release_is_an_error(context, address, version):
    stream, header = encode(Envelope(Dropped("cam", 0, 1, 2, DropReason.BEHIND)))
    header = msgspec.msgpack.encode(msgspec.msgpack.decode(header) | {"version": version})
    broadcast, over = Broadcast(context, address, None, None), threading.Event()

    def publish():
        while not over.wait(0.02):
            broadcast.send([stream, header])

    thread = threading.Thread(target=publish)
    thread.start()
    with pytest.raises(
        ConfigError, match=rf"protocol version {version}, .*; are the releases the same"
    ):
        next(subscribe(address, timeout=10))
    over.set()
    thread.join()
    broadcast.close()


def test_a_file_at_the_path_stays(context, tmp_path):
    (tmp_path / "file").write_text("results")
    (tmp_path / "link").symlink_to("file")
    for name in ("file", "link"):
        with pytest.raises(ConfigError, match=rf"{tmp_path}/{name} exists and is no socket"):
            Broadcast(context, f"ipc://{tmp_path}/{name}", None, None)
    assert (tmp_path / "link").read_text() == "results"


def test_another_pipeline_keeps_its_address(context, address):
    broadcast = Broadcast(context, address, None, None)
    with pytest.raises(ConfigError, match=r"another pipeline publishes at .*/tracks"):
        Broadcast(context, address, None, None)
    listener = Listener(address)
    assert listener.heard == [publish(broadcast, [listener], 100)] * len(listener.heard) != []
    broadcast.close()


def test_the_socket_that_a_killed_pipeline_left_is_replaced(context, address):
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(address.removeprefix("ipc://"))
        left.listen()
    broadcast = Broadcast(context, address, None, None)
    listener = Listener(address)
    publish(broadcast, [listener], 100)
    assert listener.heard
    broadcast.close()


def test_addresses_may_be_of_ipv6(context):
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as free:
        address = f"tcp://[::1]:{free.getsockname()[1]}"
    broadcast = Broadcast(context, address, None, None)
    listener = Listener(address)
    publish(broadcast, [listener], 100)
    assert listener.heard
    broadcast.close()


@pytest.mark.parametrize("address", ["nowhere", "127.0.0.1:5555", "http://127.0.0.1:5555"])
def test_what_an_address_looks_like_is_said(address):
    with pytest.raises(ConfigError, match=rf"to {address}: .*; expected tcp://HOST:PORT or ipc:"):
        next(subscribe(address))


def test_keys_are_kept_private_and_never_overwritten(tmp_path):
    public, secret = make_key(tmp_path, "north")
    assert secret.stat().st_mode & 0o777 == 0o600
    assert len(load_key(secret)[1]) == 40
    with pytest.raises(ConfigError, match="exists; choose another name"):
        make_key(tmp_path, "north")
    with pytest.raises(ConfigError, match="holds no secret key"):
        load_key(public)
    with pytest.raises(ConfigError, match="cannot read a key"):
        load_key(tmp_path / "nowhere")


def test_keys_without_a_name_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="needs a name"):
        make_key(tmp_path / "keys", "")
    assert list(tmp_path.iterdir()) == []


def test_keys_stay_in_their_folder(tmp_path):
    with pytest.raises(ConfigError, match=r"without a folder, which --folder sets; got \.\./a"):
        make_key(tmp_path / "keys", "../a")
    assert not list(tmp_path.iterdir())


def test_keys_that_cannot_be_written_are_an_output_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"cannot write .*north\.key_secret: "):
        make_key(tmp_path / "file", "north")


def test_so_are_those_in_a_folder_that_is_closed(closed_folder):
    with pytest.raises(OutputError, match=r"cannot write .*north\.key_secret: permission denied"):
        make_key(closed_folder, "north")


def test_a_full_disk_leaves_no_half_of_a_pair(full_disk):
    with contextlib.suppress(OSError), (full_disk / "filler").open("ab", buffering=0) as filler:
        while True:
            filler.write(b"\0" * 4096)
    with pytest.raises(OutputError, match="no space left"):
        make_key(full_disk, "north")
    assert [path.name for path in full_disk.iterdir()] == ["filler"]
