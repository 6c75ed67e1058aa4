import pytest

from stages.errors import ConfigError
from tests.ports import free_port
from tests.tools import mosquitto
from tests.waiting import wait_for
from tools.mqtt import MqttBroker

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
def test_events_wait_for_a_broker_and_frames_do_not(tmp_path, capsys):
    port = free_port()
    broker = MqttBroker(f"mqtt://me:s3cret@127.0.0.1:{port}/a/b/")
    said = []
    wait_for(lambda: said.append(capsys.readouterr().err) or "".join(said))
    for fact in (FRAME, CROSSING, FRAME):
        broker.publish(fact)
    with mosquitto.Broker(tmp_path, port) as server, server.subscriber("a/b/north/#") as received:
        wait_for(lambda: received)
        broker.publish(FRAME)
        wait_for(lambda: len(received) == 2)
        broker.close()
    assert [topic for topic, *_ in received] == ["a/b/north/crossing", "a/b/north/frame"]
    assert "".join(said) + capsys.readouterr().err == (
        f"no connection to mqtt://127.0.0.1:{port}: connection refused; it is tried again\n"
        f"connected to mqtt://127.0.0.1:{port}\n"
    )


@needs_broker
@pytest.mark.parametrize(
    ("user", "told"),
    [("me:s3cret@", "connected to"), ("me:other@", "not authorized"), ("", "not authorized")],
)
def test_passwords(user, told, tmp_path, capsys):
    said = []
    with mosquitto.Broker(tmp_path, password="s3cret") as server:
        broker = MqttBroker(f"mqtt://{user}127.0.0.1:{server.port}")
        wait_for(lambda: said.append(capsys.readouterr().err) or told in "".join(said))
        broker.close()


def test_one_that_is_away_holds_nothing_up():
    broker = MqttBroker(f"mqtt://127.0.0.1:{free_port()}")
    for _ in range(200):
        broker.publish(FRAME)
        broker.publish(CROSSING)
    broker.close()


@pytest.mark.parametrize(
    "url",
    ["host:1883", "http://me:s3cret@host", "mqtt://", "mqtt://me:s3cret@host:x", "mqtt://host/a/#"],
)
def test_what_is_no_url_is_told_without_secrets(url):
    with pytest.raises(ConfigError, match=r"^--mqtt") as told:
        MqttBroker(url)
    assert "s3cret" not in str(told.value)
