import urllib.error
import urllib.request

import pytest
from prometheus_client.parser import text_string_to_metric_families

from pipeline.metrics import MetricsServer
from pipeline.plan import LATENCY_BOUNDS_MS, Counters, Durations, Status
from stages.errors import ConfigError


@pytest.fixture
def server():
    server = MetricsServer("127.0.0.1:0", lambda: server.stages_ready)
    server.stages_ready = False
    yield server
    server.close()


def get(server, path):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def values(text):
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_reports_become_metrics(server):
    durations = Durations([min(i, 7) for i in range(len(LATENCY_BOUNDS_MS))], 9, 1.5)
    counters = Counters(
        120, {"stages behind": 4}, 3, 2, {"detector": durations, "latency": durations}
    )
    server.collector.take(Status(kind="progress", stage="sink", stream="cam", counters=counters))
    server.collector.take(Status(kind="progress", stage="detector", batches={8: 2, 1: 3}))
    server.collector.failures["north"] += 1
    code, text = get(server, "/metrics")
    found = values(text)
    assert code == 200
    assert found["spotstream_failed_streams_total", "north"] == 1
    assert found["spotstream_frames_total", "cam"] == 120
    assert found["spotstream_dropped_frames_total", "cam", "stages behind"] == 4
    assert found["spotstream_reconnects_total", "cam"] == 2
    assert found["spotstream_waiting_frames", "cam"] == 2
    assert found["spotstream_latency_seconds_bucket", "0.035", "cam"] == 5
    assert found["spotstream_latency_seconds_bucket", "+Inf", "cam"] == 9
    assert found["spotstream_stage_seconds_sum", "cam", "detector"] == 1.5
    assert found["spotstream_batch_frames_bucket", "1.0"] == 3
    assert found["spotstream_batch_frames_bucket", "8.0"] == 5
    assert found["spotstream_batch_frames_sum",] == 19


def test_batches_of_several_detectors_are_added(server):
    for worker, batches in ((0, {8: 1}), (1, {8: 4, 2: 1}), (0, {8: 2, 1: 3})):
        report = Status(kind="progress", stage="detector", worker=worker, batches=batches)
        server.collector.take(report)
    found = values(get(server, "/metrics")[1])
    assert found["spotstream_batch_frames_bucket", "1.0"] == 3
    assert found["spotstream_batch_frames_bucket", "2.0"] == 4
    assert found["spotstream_batch_frames_count",] == 10
    assert found["spotstream_batch_frames_sum",] == 3 + 2 + 6 * 8


def test_before_the_first_report_there_is_nothing_but_no_error(server):
    code, text = get(server, "/metrics")
    assert code == 200
    assert "spotstream_frames_total{" not in text


def test_ready_follows_the_stages_and_healthy_the_loop(server, monkeypatch):
    assert get(server, "/healthz")[0] == 200
    assert get(server, "/readyz")[0] == 503
    server.stages_ready = True
    assert get(server, "/readyz")[0] == 200
    monkeypatch.setattr("pipeline.metrics._STUCK_SECONDS", -1.0)
    assert get(server, "/healthz")[0] == 503
    assert get(server, "/readyz")[0] == 503
    assert get(server, "/other")[0] == 404


def test_an_address_in_use_is_named(server):
    with pytest.raises(ConfigError, match=f"cannot listen on 127.0.0.1:{server.port}"):
        MetricsServer(f"127.0.0.1:{server.port}", lambda: True)


def test_an_ipv6_address_is_listened_on():
    server = MetricsServer("[::1]:0", lambda: True)
    try:
        with urllib.request.urlopen(f"http://[::1]:{server.port}/healthz", timeout=5) as answer:
            assert answer.status == 200
    finally:
        server.close()
