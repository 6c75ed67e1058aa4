import importlib.metadata

import pytest

from pipeline.config import SinkConfig
from pipeline.reports import LATENCY_BOUNDS_MS, Durations, StreamMetrics
from pipeline.supervision.metrics import MetricsServer, PipelineCollector
from pipeline.supervision.monitor import RunMonitor
from pipeline.transport.logbook import SharedNumber
from stages.measurements import Counts, ZoneCounts
from stages.records import DropReason
from tests.pipeline.scraping import get, scrape, values


@pytest.fixture
def monitor():
    return RunMonitor()


@pytest.fixture
def server(monitor):
    server = MetricsServer("127.0.0.1:0", monitor, lambda: server.stages_ready)
    server.stages_ready = False
    yield server
    server.close()


def stream_metrics(frames, dropped=None, **more):
    return StreamMetrics(frames=frames, dropped=dropped or {}, connections=1, durations={}, **more)


def test_reports_become_metrics(server, monitor, logbook):
    durations = Durations([min(i, 7) for i in range(len(LATENCY_BOUNDS_MS))], 9, 1.5)
    metrics = StreamMetrics(
        frames=120,
        dropped={DropReason.BEHIND: 4},
        connections=3,
        durations={"detector": durations, "latency": durations},
        left_out_of_overlay=11,
        not_received=6,
        overlay_is_stuck=True,
        overlay_is_unsent=True,
        crossings={"gate": Counts(3, 5)},
        zones={"stop": ZoneCounts(9, 2)},
        tracks=14,
    )
    monitor.begun("cam", logbook)
    logbook[SharedNumber.WAITING] = 2
    logbook[SharedNumber.RECORDING_STUCK] = 1
    logbook[SharedNumber.SEQUENCE] = 130
    logbook[SharedNumber.CAPTURED_NS] = 1_777_888_999_250_000_000
    monitor.record_metrics("cam", metrics)
    monitor.record_batches(0, {8: 2, 1: 3})
    monitor.failed("north")
    code, text = get(server.port, "/metrics")
    found = values(text)
    assert code == 200
    assert found["spotstream_failed_streams_total", "north"] == 1
    assert found["spotstream_frames_total", "cam"] == 120
    assert found["spotstream_decoded_frames_total", "cam"] == 130
    captured = found["spotstream_last_frame_timestamp_seconds", "cam"]
    assert captured == pytest.approx(1_777_888_999.25, abs=0.001)
    assert found["spotstream_tracks_total", "cam"] == 14
    assert found["spotstream_dropped_frames_total", "cam", "stages behind"] == 4
    assert found["spotstream_reconnects_total", "cam"] == 2
    assert found["spotstream_crossings_total", "cam", "gate", "left"] == 3
    assert found["spotstream_crossings_total", "cam", "gate", "right"] == 5
    assert found["spotstream_zone_entries_total", "cam", "stop"] == 9
    assert found["spotstream_zone_vehicles", "cam", "stop"] == 2
    assert found["spotstream_waiting_frames", "cam"] == 2
    assert found["spotstream_overlay_left_out_frames_total", "cam"] == 11
    assert found["spotstream_overlay_stuck", "cam"] == 1
    assert found["spotstream_overlay_unsent", "cam"] == 1
    assert found["spotstream_recording_stuck", "cam"] == 1
    assert found["spotstream_not_received_frames_total", "cam"] == 6
    assert found["spotstream_latency_seconds_bucket", "0.035", "cam"] == 5
    assert found["spotstream_latency_seconds_bucket", "+Inf", "cam"] == 9
    assert found["spotstream_stage_seconds_sum", "cam", "detector"] == 1.5
    assert found["spotstream_batch_frames_bucket", "1.0"] == 3
    assert found["spotstream_batch_frames_bucket", "8.0"] == 5
    assert found["spotstream_batch_frames_sum",] == 19


@pytest.mark.parametrize("fault", ["overlay_stuck", "overlay_unsent", "recording_stuck"])
def test_each_output_fault_has_its_own_series(server, monitor, logbook, fault):
    monitor.begun("cam", logbook)
    logbook[SharedNumber.RECORDING_STUCK] = fault == "recording_stuck"
    faults = {f"overlay_is_{how}": fault == f"overlay_{how}" for how in ("stuck", "unsent")}
    monitor.record_metrics("cam", stream_metrics(9, **faults))
    found = scrape(server.port)
    names = ("overlay_stuck", "overlay_unsent", "recording_stuck")
    active = [name for name in names if found[f"spotstream_{name}", "cam"]]
    assert active == [fault]


def test_batches_of_several_detectors_are_summed(server, monitor):
    for detector, batches in ((0, {8: 1}), (1, {8: 4, 2: 1}), (0, {8: 2, 1: 3})):
        monitor.record_batches(detector, batches)
    found = scrape(server.port)
    assert found["spotstream_batch_frames_bucket", "1.0"] == 3
    assert found["spotstream_batch_frames_bucket", "2.0"] == 4
    assert found["spotstream_batch_frames_count",] == 10
    assert found["spotstream_batch_frames_sum",] == 3 + 2 + 6 * 8


def test_batches_of_a_replaced_detector_still_count(server, monitor):
    lives = [(0, {1: 43}, {8: 9, 1: 44}), (1, {8: 4}), (0, {8: 9, 1: 45}), (0,), (0, {1: 2})]
    for detector, *reports in lives:
        monitor.detector_began(detector)
        for batches in reports:
            monitor.record_batches(detector, batches)
    found = scrape(server.port)
    assert found["spotstream_batch_frames_bucket", "1.0"] == 44 + 45 + 2
    assert found["spotstream_batch_frames_count",] == 44 + 45 + 2 + 9 + 9 + 4


def test_restart_and_failure_counters_start_at_zero(server, monitor, logbook):
    def counts():
        found = scrape(server.port)
        failed = found["spotstream_failed_streams_total", "cam"]
        return failed, found["spotstream_restarts_total", "", "tracker"]

    monitor.begun("cam", logbook)
    monitor.started("tracker", "", 0)
    assert counts() == (0, 0)
    monitor.failed("cam")
    monitor.started("tracker", "", 1)
    assert counts() == (1, 1)


def test_decoder_restarts_are_labelled_with_their_stream(server, monitor, logbook):
    monitor.begun("cam", logbook)
    monitor.started("decoder", "cam", 2)
    assert (
        'spotstream_restarts_total{process="decoder",stream="cam"} 2.0'
        in get(server.port, "/metrics")[1]
    )


def test_drop_counters_start_at_zero_for_every_reason(server, monitor, logbook):
    def dropped():
        found = scrape(server.port)
        return {why: found["spotstream_dropped_frames_total", "a", why] for why in reasons}

    reasons = ("stages behind", "decoder restarted", "broken frame", "unreadable image")
    monitor.begun("a", logbook)
    assert dropped() == dict.fromkeys(reasons, 0)
    monitor.record_metrics("a", stream_metrics(9, {DropReason.BROKEN: 1}))
    assert dropped()["broken frame"] == 1


def test_line_and_zone_counters_start_at_zero(logbook):
    ends, corners = (0, 0, 9, 9), ((0, 0), (9, 0), (9, 9))
    sink = SinkConfig(
        lines={"*": {"gate": ends}, "cam": {"exit": ends}, "other": {"bridge": ends}},
        zones={"cam": {"stop": corners}, "other": {"queue": corners}},
    )
    monitor = RunMonitor(sink=sink)
    collector = PipelineCollector(monitor)

    def counted():
        names = "spotstream_crossings_total", "spotstream_zone_entries_total"
        samples = [sample for family in collector.collect() for sample in family.samples]
        return {tuple(s.labels.values()): s.value for s in samples if s.name in names}

    monitor.begun("cam", logbook)
    lines = {("cam", line, side): 0 for line in ("gate", "exit") for side in ("left", "right")}
    assert counted() == lines | {("cam", "stop"): 0}
    crossed = {"gate": Counts(0, 1), "exit": Counts()}
    monitor.record_metrics(
        "cam", stream_metrics(9, crossings=crossed, zones={"stop": ZoneCounts(1, 1)})
    )
    assert counted() == lines | {("cam", "gate", "right"): 1, ("cam", "stop"): 1}


def test_metrics_without_a_stream_have_no_stream_series(server):
    code, text = get(server.port, "/metrics")
    assert code == 200
    assert "spotstream_frames_total{" not in text


def test_stream_has_series_at_once_and_is_up_while_frames_are_written(logbook):
    now = [0.0]
    monitor = RunMonitor(lambda: now[0])
    collector = PipelineCollector(monitor)

    def found():
        samples = [sample for family in collector.collect() for sample in family.samples]
        return {s.name: s.value for s in samples if s.labels.get("stream") == "cam"}

    def written(frames):
        zones = {"stop": ZoneCounts(9, 2)}
        monitor.record_metrics("cam", stream_metrics(frames, zones=zones, at=now[0]))

    monitor.begun("cam", logbook)
    assert found()
    assert set(found().values()) == {0}
    written(5)
    assert found()["spotstream_stream_up"] == 1
    assert found()["spotstream_zone_vehicles"] == 2
    now[0] = 4.0
    written(5)
    assert found()["spotstream_stream_up"] == 0
    assert "spotstream_zone_vehicles" not in found()
    written(6)
    assert found()["spotstream_stream_up"] == 1
    logbook[SharedNumber.SEQUENCE] = 7
    monitor.ended("cam")
    assert found()["spotstream_frames_total"] == 6
    assert found()["spotstream_decoded_frames_total"] == 7
    assert "spotstream_stream_up" not in found()


def test_build_and_process_metrics_are_exported(server):
    found = scrape(server.port)
    assert found["spotstream_build_info", importlib.metadata.version("spotstream")] == 1
    assert found["process_start_time_seconds",] > 0
    assert found["process_open_fds",] < found["process_max_fds",]


def test_build_info_shows_the_release_that_started(server, monkeypatch):
    started = importlib.metadata.version("spotstream")
    monkeypatch.setattr(importlib.metadata, "version", lambda _: f"{started}.1")
    assert scrape(server.port)["spotstream_build_info", started] == 1


def test_readiness_follows_the_stages_and_health_the_loop(server, monkeypatch):
    assert get(server.port, "/healthz")[0] == 200
    assert get(server.port, "/readyz")[0] == 503
    server.stages_ready = True
    assert get(server.port, "/readyz")[0] == 200
    assert get(server.port, "/readyz", "HEAD") == (200, "")
    monkeypatch.setattr("pipeline.supervision.monitor._STUCK_SECONDS", -1.0)
    assert get(server.port, "/healthz")[0] == 503
    assert get(server.port, "/readyz")[0] == 503
    assert get(server.port, "/other")[0] == 404


def test_ended_streams_are_forgotten_after_ten_minutes(logbook):
    now = [0.0]
    monitor = RunMonitor(lambda: now[0])
    collector = PipelineCollector(monitor)

    def series():
        return {
            (sample.name, *sorted(sample.labels.values()))
            for family in collector.collect()
            for sample in family.samples
            if sample.labels and "batch" not in sample.name
        }

    def report(stream):
        stuck = stream_metrics(9, {DropReason.BEHIND: 4}, overlay_is_stuck=True)
        monitor.record_metrics(stream, stuck)

    for stream in ("north", "south", "west"):
        monitor.begun(stream, logbook)
        report(stream)
        monitor.started("decoder", stream, 1)
        monitor.failed(stream)
    assert ("spotstream_waiting_frames", "north") in series()
    for stream in ("north", "west"):
        monitor.ended(stream)
    now[0] = 300.0
    monitor.begun("west", logbook)  # was added again
    report("west")
    assert ("spotstream_frames_total", "north") in series()
    stuck = "overlay_stuck", "overlay_unsent", "recording_stuck"
    for gauge in ("waiting_frames", *stuck, "last_frame_timestamp_seconds"):
        assert {each[1] for each in series() if each[0] == f"spotstream_{gauge}"} == {
            "south",
            "west",
        }
    now[0] = 601.0
    left = {each for each in series() if "north" in each[-1]}
    assert left == {("spotstream_failed_streams_total", "north")}
    assert {
        ("spotstream_frames_total", "west"),
        ("spotstream_restarts_total", "decoder", "west"),
    } <= series()


def test_memory_is_bounded_however_many_streams_were_run(logbook):
    now = [0.0]
    monitor = RunMonitor(lambda: now[0])
    collector = PipelineCollector(monitor)
    for number in range(3000):
        now[0] += 1.0
        stream = f"clip-{number}"
        monitor.begun(stream, logbook)
        monitor.record_metrics(stream, stream_metrics(9, {DropReason.BEHIND: 4}))
        monitor.started("decoder", stream, 1)
        monitor.failed(stream)
        monitor.ended(stream)
    sizes = [len(family.samples) for family in collector.collect()]
    assert max(sizes) <= 602 * len(DropReason)
