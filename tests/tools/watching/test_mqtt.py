import json
import shutil
import signal
import socket
import subprocess

import pytest
from paho.mqtt.client import Client

from stages.errors import ConfigError
from tests.tools import mosquitto
from tests.waiting import wait_for
from tools.harness.ports import free_port
from tools.watching.mqtt import MqttBroker


@pytest.fixture(autouse=True)
def eager(monkeypatch):
    """Retries an unavailable broker quickly."""
    monkeypatch.setattr("tools.watching.mqtt._SHORTEST_PAUSE", 0.05)


@pytest.fixture
def impatient(monkeypatch):
    """Closes without waiting where there is no connection."""
    monkeypatch.setattr("tools.watching.mqtt._END_SECONDS", 0.2)


@pytest.fixture
def logged(capsys):
    """Waits for words on standard error and returns everything written there so far."""
    errors = []

    def wait(words):
        wait_for(lambda: errors.append(capsys.readouterr().err) or words in "".join(errors))
        return "".join(errors)

    return wait


needs_broker = pytest.mark.skipif(not mosquitto.available(), reason="mosquitto is not here")

FRAME = {"kind": "frame", "stream": "north", "frame": 1}
CROSSING = {"kind": "crossing", "stream": "north", "line": "süd"}
SILENCE = {"kind": "silence", "stream": "", "pipeline_alive": True}


@needs_broker
def test_topics_and_status(tmp_path):
    with mosquitto.Broker(tmp_path) as server:
        with server.subscriber("#") as received:
            broker = MqttBroker(f"mqtt://127.0.0.1:{server.port}")
            wait_for(lambda: received)
            for fact in (FRAME, CROSSING, SILENCE):
                broker.publish(fact)
            broker.close()
            wait_for(lambda: len(received) == 5)
        with server.subscriber("#") as later:
            wait_for(lambda: later)
    assert received == [
        ("spotstream/status", "online", False),
        ("spotstream/north/frame", '{"kind": "frame", "stream": "north", "frame": 1}', False),
        (
            "spotstream/north/crossing",
            '{"kind": "crossing", "stream": "north", "line": "süd"}',
            False,
        ),
        (
            "spotstream/silence",
            '{"kind": "silence", "stream": "", "pipeline_alive": true}',
            False,
        ),
        ("spotstream/status", "offline", False),
    ]
    assert later == [("spotstream/status", "offline", True)]


@needs_broker
def test_a_publisher_closed_right_after_connecting_goes_offline(tmp_path, capsys):
    with mosquitto.Broker(tmp_path) as server:
        for _ in range(5):
            broker = MqttBroker(f"mqtt://127.0.0.1:{server.port}")
            wait_for(lambda: "connected" in capsys.readouterr().err)
            broker.close()
            with server.subscriber("#") as received:
                wait_for(lambda: received)
            assert received == [("spotstream/status", "offline", True)]


@needs_broker
def test_status_is_offline_only_after_the_last_of_two_publishers_ends(tmp_path):
    with mosquitto.Broker(tmp_path) as server, server.subscriber("#") as received:
        url = f"mqtt://127.0.0.1:{server.port}/site"
        first, second = MqttBroker(url), MqttBroker(url)
        wait_for(lambda: first._is_ready and second._is_ready)
        second.close()
        wait_for(lambda: [status for _, status, _ in received[-2:]] == ["offline", "online"])
        first.close()
        wait_for(lambda: received[-1][1] == "offline")
        with server.subscriber("#") as later:
            wait_for(lambda: later)
    assert later == [("site/status", "offline", True)]


@needs_broker
def test_events_arrive_though_the_broker_disconnects_on_subscribing(tmp_path, capsys, monkeypatch):
    subscribe = Client.subscribe

    def denied(client, topic, **options):
        if topic != "site/status":
            return subscribe(client, topic, **options)
        client.socket().shutdown(socket.SHUT_RDWR)
        return None

    monkeypatch.setattr(Client, "subscribe", denied)
    with mosquitto.Broker(tmp_path) as server, server.subscriber("#") as received:
        broker = MqttBroker(f"mqtt://127.0.0.1:{server.port}/site")
        broker.publish(CROSSING)
        wait_for(
            lambda: (
                ("site/north/crossing", json.dumps(CROSSING, ensure_ascii=False), False) in received
            )
        )
        broker.close()
    assert capsys.readouterr().err.count("connected to") == 2


@needs_broker
def test_events_are_queued_until_the_broker_is_up_but_frames_are_not(tmp_path, logged):
    port = free_port()
    topics = "a/b/north/#"
    with mosquitto.Broker(tmp_path, port) as earlier, earlier.subscriber(topics, "it") as received:
        earlier.process.send_signal(signal.SIGUSR1)
        wait_for(earlier.saved.exists)  # the next one knows the subscriber before it is back
        earlier.process.kill()
        earlier.process.wait()
        broker = MqttBroker(f"mqtt://me:s3cret@127.0.0.1:{port}/a/b/")
        logged("no connection")
        for fact in (FRAME, CROSSING, FRAME):
            broker.publish(fact)
        with mosquitto.Broker(tmp_path, port):
            wait_for(lambda: received)
            broker.publish(FRAME)
            wait_for(lambda: len(received) == 2)
            broker.close()
    assert [topic for topic, *_ in received] == ["a/b/north/crossing", "a/b/north/frame"]
    assert logged("connected to") == (
        f"no connection to mqtt://127.0.0.1:{port}: connection refused; trying again\n"
        f"connected to mqtt://127.0.0.1:{port}\n"
    )


@needs_broker
@pytest.mark.parametrize(
    ("user", "words"),
    [("me:s3%2Fcret@", "connected to"), ("me:other@", "not authorized"), ("", "not authorized")],
)
def test_connects_only_with_the_right_password(user, words, logged, tmp_path, capsys, impatient):
    with mosquitto.Broker(tmp_path, password="s3/cret") as server:
        broker = MqttBroker(f"mqtt://{user}127.0.0.1:{server.port}")
        errors = logged(words)
        broker.close()
    assert "broke off" not in errors + capsys.readouterr().err  # it was refused


@needs_broker
def test_a_new_reason_for_no_connection_is_logged_as_well(tmp_path, logged, impatient):
    port = free_port()
    broker = MqttBroker(f"mqtt://127.0.0.1:{port}")
    logged("refused")
    with mosquitto.Broker(tmp_path, port, "s3/cret"):
        logged("not authorized")
        broker.close()


@needs_broker
@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not here")
def test_the_broker_certificate_is_verified(tmp_path, logged, monkeypatch, impatient):
    file = tmp_path / "broker.pem"
    request = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"]
    request += ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(file), "-out", str(file)]
    subprocess.run(request, check=True, capture_output=True)
    with mosquitto.Broker(tmp_path, certificate=file) as server:
        url = f"mqtts://localhost:{server.port}"
        for trusted, words in ((None, "certificate verify failed"), (file, f"connected to {url}")):
            if trusted is not None:
                monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
            broker = MqttBroker(url)
            logged(words)
            broker.close()


@needs_broker
def test_the_latest_of_too_many_events_arrive_in_order(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("tools.watching.mqtt._MAX_EVENTS", 300)
    monkeypatch.setattr("tools.watching.mqtt._MAX_SENT", 20)
    with mosquitto.Broker(tmp_path) as server, server.subscriber("site/#") as received:
        server.process.send_signal(signal.SIGSTOP)  # it does not answer, but keeps the subscriber
        broker = MqttBroker(f"mqtt://127.0.0.1:{server.port}/site")
        for number in range(500):
            broker.publish(CROSSING | {"number": number})
            for _ in range(200):  # more messages than MQTT has packet identifiers
                broker.publish(FRAME)
        server.process.send_signal(signal.SIGCONT)
        wait_for(lambda: len(received) > 100)  # there is room again
        for number in range(500, 600):
            broker.publish(CROSSING | {"number": number})
        broker.close()
        wait_for(lambda: received[-1][1] == "offline")
    assert [text for _, text, _ in (received[0], received[-1])] == ["online", "offline"]
    numbers = [json.loads(text)["number"] for topic, text, _ in received if "crossing" in topic]
    assert numbers == list(range(200, 600))
    errors = capsys.readouterr().err
    assert errors.count("more than 300 objects wait: the oldest are lost") == 1


@needs_broker
def test_a_hung_broker_does_not_delay_closing(tmp_path, impatient):
    with mosquitto.Broker(tmp_path) as server:
        broker = MqttBroker(f"mqtt://127.0.0.1:{server.port}")
        wait_for(lambda: broker._is_ready)
        server.process.send_signal(signal.SIGSTOP)
        broker.publish(CROSSING)
        for _ in range(1000):
            broker.publish(FRAME | {"tracks": "x" * 100_000})
        assert len(broker._frames) <= 100
        broker.close()


def test_unanswered_and_broken_connections_are_logged(logged, monkeypatch, impatient):
    monkeypatch.setattr("tools.watching.mqtt._KEEPALIVE_SECONDS", 1)
    monkeypatch.setattr("tools.watching.mqtt._LONGEST_PAUSE", 1)
    port = free_port()
    name = f"mqtt://127.0.0.1:{port}"
    broker = MqttBroker(name)
    logged("refused")
    with socket.create_server(("127.0.0.1", port)) as server:
        server.settimeout(100)
        with server.accept()[0], server.accept()[0] as second:
            second.sendall(bytes((0x20, 2, 0, 0)))  # CONNACK: accepted
            logged("connected to")
            second.shutdown(socket.SHUT_WR)
            errors = logged("broke off")
        broker.close()
    assert [
        line for line in errors.splitlines() if name in line
    ] == [  # brokers of other tests may still end
        f"no connection to {name}: connection refused; trying again",
        f"no connection to {name}: it does not answer; trying again",
        f"connected to {name}",
        f"no connection to {name}: it broke off; trying again",
    ]


@pytest.mark.parametrize(
    "url",
    [
        *("host:1883", "http://me:s3cret@host", "mqtt://", "mqtt://host/a/#", "mqtt://host/a?b"),
        *("mqtt://me:s3cret@host:x", "mqtt://me:s3cret/x@host:1/a", "mqtt://me:s3cret：x@host"),
        *("mqtt://host..local/a", f"mqtt://{'a' * 64}/a", f"mqtt://host/{'a' * 2000}"),
    ],
)
def test_malformed_urls_are_reported_without_secrets(url):
    with pytest.raises(ConfigError, match=r"^--mqtt") as caught:
        MqttBroker(url)
    assert "s3cret" not in str(caught.value)
