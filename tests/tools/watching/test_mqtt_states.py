"""The start of a stream and the occupancy of its zones are retained until the stream ends."""

import json
import signal

import pytest

from tests.tools import mosquitto
from tests.waiting import wait_for
from tools.harness.ports import free_port
from tools.watching.mqtt import MqttBroker

pytestmark = pytest.mark.skipif(not mosquitto.available(), reason="mosquitto is not here")


def fact_of(kind, stream, run="a", channel=3):
    return {"kind": kind, "run": run, "stream": stream, "channel": channel}


CROSSING = fact_of("crossing", "north")


def retained(server, broker):
    """The retained messages, without the status, once the broker has all that was published."""
    for _ in range(2):
        with server.subscriber("site/#") as received:
            broker.publish(CROSSING)
            wait_for(lambda: any("crossing" in topic for topic, *_ in received))
    return {
        topic.removeprefix("site/"): json.loads(text)
        for topic, text, is_retained in received
        if is_retained and topic != "site/status"
    }


@pytest.fixture
def connect(monkeypatch):
    """Makes publishers and closes them at the end, when their broker may be gone."""
    monkeypatch.setattr("tools.watching.mqtt._END_SECONDS", 0.2)
    monkeypatch.setattr("tools.watching.mqtt._SHORTEST_PAUSE", 0.05)
    made = []

    def to(port, *kinds):
        made.append(MqttBroker(f"mqtt://127.0.0.1:{port}/site", *kinds))
        return made[-1]

    yield to
    for broker in made:
        broker.close()


def test_a_start_is_retained_until_its_stream_ends(connect, tmp_path):
    with mosquitto.Broker(tmp_path) as server:
        broker = connect(server.port)
        for epoch in (0, 1):  # after the camera has connected again
            start = fact_of("start", "north") | {"epoch": epoch}
            broker.publish(start)
            assert retained(server, broker) == {"north/start": start}
        broker.publish(fact_of("frame", "north"))
        broker.publish(fact_of("dropped", "north"))
        assert retained(server, broker) == {"north/start": start}
        with server.subscriber("site/north/#") as received:
            broker.publish(fact_of("end", "north"))
            wait_for(lambda: received[-1:] == [("site/north/start", "", False)])
        assert [topic.removeprefix("site/north/") for topic, *_ in received[-3:]] == [
            *("end", "occupancy", "start")
        ]
        assert retained(server, broker) == {}


def occupancy(vehicles, **origin):
    return fact_of("occupancy", "north", **origin) | {"zones": {"stop": vehicles}}


def test_the_latest_occupancy_is_retained_until_its_stream_ends(connect, tmp_path):
    with mosquitto.Broker(tmp_path) as server:
        broker = connect(server.port)
        for vehicles in (2, 3):
            broker.publish(occupancy(vehicles))
            assert retained(server, broker) == {"north/occupancy": occupancy(vehicles)}
        broker.publish(fact_of("end", "north"))
        assert retained(server, broker) == {}
        broker.publish(fact_of("start", "north"))
        broker.publish(occupancy(4))
        again = fact_of("start", "north", run="b")  # the first run was killed
        broker.publish(again)
        assert retained(server, broker) == {"north/start": again}
        broker.publish(occupancy(5, run="b"))
        west = fact_of("start", "west", run="c")
        broker.publish(west)
        assert retained(server, broker) == {"west/start": west}


def test_an_occupancy_that_an_earlier_publisher_left_is_cleared_by_a_start(connect, tmp_path):
    with mosquitto.Broker(tmp_path) as server:
        first = connect(server.port)
        first.publish(occupancy(7))
        assert retained(server, first) == {"north/occupancy": occupancy(7)}
        first.close()
        second = connect(server.port)
        second.publish(fact_of("start", "north", run="b"))
        assert retained(server, second).keys() == {"north/start"}
        second.publish(occupancy(2, run="b"))
        second.publish(fact_of("start", "north", run="b"))  # of another epoch
        assert retained(server, second).keys() == {"north/start", "north/occupancy"}


def test_only_the_latest_occupancy_waits_for_a_broker(connect, tmp_path, monkeypatch):
    monkeypatch.setattr("tools.watching.mqtt._MAX_EVENTS", 2)
    port = free_port()
    broker = connect(port)
    for vehicles in range(9):
        broker.publish(CROSSING)
        broker.publish(occupancy(vehicles))
    for _ in range(2):  # also once the broker has lost what it retained
        with mosquitto.Broker(tmp_path, port) as server, server.subscriber("site/#") as received:
            assert retained(server, broker) == {"north/occupancy": occupancy(8)}
            found = [json.loads(text)["kind"] for topic, text, _ in received if "north" in topic]
        assert found.count("occupancy") == 1
        assert found.count("crossing") <= 4  # two that waited, and two of `retained`


def test_a_start_stays_retained_after_its_publisher_has_closed(connect, tmp_path):
    with mosquitto.Broker(tmp_path) as server:
        first = connect(server.port)
        for stream in ("north", "south"):
            first.publish(fact_of("start", stream))
        assert len(retained(server, first)) == 2
        first.close()
        second = connect(server.port)
        assert len(retained(server, second)) == 2
        second.publish(fact_of("end", "south"))  # whose start this publisher has not sent
        assert retained(server, second) == {"north/start": fact_of("start", "north")}


def test_starts_are_published_again_to_a_broker_that_lost_them(connect, tmp_path):
    port = free_port()
    broker = connect(port)
    for stream in ("north", "south", "west"):
        broker.publish(fact_of("start", stream))
    with mosquitto.Broker(tmp_path, port) as server:
        broker.publish(fact_of("end", "west"))
        assert retained(server, broker).keys() == {"north/start", "south/start"}
    for fact in (fact_of("end", "south"), fact_of("start", "east")):
        broker.publish(fact)
    for _ in range(2):
        with mosquitto.Broker(tmp_path, port) as server:
            assert retained(server, broker).keys() == {"north/start", "east/start"}


def test_ended_starts_are_cleared_again_on_a_broker_with_older_state(connect, tmp_path):
    with mosquitto.Broker(tmp_path) as server:
        broker = connect(server.port)
        for stream in ("north", "south"):
            broker.publish(fact_of("start", stream))
        assert len(retained(server, broker)) == 2
        server.process.send_signal(signal.SIGUSR1)
        wait_for(server.saved.exists)
        broker.publish(fact_of("end", "south"))
        assert retained(server, broker).keys() == {"north/start"}
    with mosquitto.Broker(tmp_path, server.port) as server:
        assert retained(server, broker).keys() == {"north/start"}


def test_the_limit_on_queued_events_also_limits_kept_starts(connect, tmp_path, monkeypatch):
    monkeypatch.setattr("tools.watching.mqtt._MAX_EVENTS", 4)  # two for each stream
    with mosquitto.Broker(tmp_path) as server:
        broker = connect(server.port)
        for stream in ("north", "south", "west"):
            broker.publish(fact_of("start", stream))
            retained(server, broker)
    with mosquitto.Broker(tmp_path, server.port) as server:
        assert retained(server, broker).keys() == {"south/start", "west/start"}


def test_starts_stay_correct_when_too_many_events_are_queued(connect, tmp_path, monkeypatch):
    monkeypatch.setattr("tools.watching.mqtt._MAX_EVENTS", 3)
    monkeypatch.setattr("tools.watching.mqtt._MAX_SENT", 1)
    port = free_port()
    broker = connect(port)
    for fact in (fact_of("start", "south"), *[CROSSING] * 10):
        broker.publish(fact)
    with mosquitto.Broker(tmp_path, port) as server:
        assert retained(server, broker) == {"south/start": fact_of("start", "south")}
        server.process.send_signal(signal.SIGSTOP)
        for fact in (
            CROSSING,
            fact_of("start", "north"),
            fact_of("end", "south"),
            *[CROSSING] * 10,
        ):
            broker.publish(fact)
        wait_for(broker._jobs.empty)
        server.process.send_signal(signal.SIGCONT)
        assert retained(server, broker) == {"north/start": fact_of("start", "north")}


@pytest.mark.parametrize(
    ("kinds", "topics"),
    [
        (("crossing",), []),
        (("crossing", "end"), ["end"]),
        (("crossing", "start"), ["start", "start"]),
    ],
)
def test_starts_are_published_and_cleared_only_if_selected(connect, tmp_path, kinds, topics):
    with mosquitto.Broker(tmp_path) as server, server.subscriber("site/south/#") as received:
        broker = connect(server.port, kinds)
        broker.publish(fact_of("start", "south"))
        kept = {"south/start"} if "start" in kinds else set()
        assert retained(server, broker).keys() == kept
        broker.publish(fact_of("end", "south"))
        assert retained(server, broker) == {}
    assert [topic.removeprefix("site/south/") for topic, *_ in received] == topics


def test_a_new_run_clears_the_starts_of_a_killed_run(connect, tmp_path):
    with mosquitto.Broker(tmp_path) as server:
        broker = connect(server.port)
        for stream in ("north", "south"):
            broker.publish(fact_of("start", stream))
        with server.subscriber("site/north/start") as received:
            broker.publish(fact_of("start", "north", "b"))
            broker.publish(fact_of("end", "north", "a"))  # it waited in the connection
            assert retained(server, broker) == {"north/start": fact_of("start", "north", "b")}
        assert "" not in [text for _, text, _ in received]
        broker.publish(fact_of("start", "north", "b", 4))  # removed, and added again
        broker.publish(fact_of("end", "north", "b", 3))
        assert retained(server, broker) == {"north/start": fact_of("start", "north", "b", 4)}
