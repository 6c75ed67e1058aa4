from pipeline.reports import Durations, Snapshot, StreamMetrics
from pipeline.supervision.monitor import RunMonitor
from pipeline.transport.logbook import SharedNumber
from stages.measurements import Counts, ZoneCounts
from stages.records import DropReason


def metrics(frames, durations=None, **more):
    return StreamMetrics(
        frames=frames,
        dropped={DropReason.BEHIND: 3},
        connections=2,
        durations=durations or {},
        recent_latency_ms=(1.0, 2.0, 3.0),
        crossings={"gate": Counts(4, 5)},
        zones={"stop": ZoneCounts(9, 2)},
        **more,
    )


def test_view_shows_missing_frames_and_stuck_outputs(logbook):
    monitor = RunMonitor()
    monitor.begun("cam", logbook)
    faults = {"overlay_is_stuck": True, "overlay_is_unsent": True}
    monitor.record_metrics("cam", metrics(9, left_out_of_overlay=4, not_received=5, **faults))
    assert not monitor.view("cam", "rtsp://cam").recording_is_stuck
    logbook[SharedNumber.RECORDING_STUCK] = 1
    view = monitor.view("cam", "rtsp://cam")
    assert view.recording_is_stuck
    assert (view.left_out_of_overlay, view.not_received) == (4, 5)
    assert (view.overlay_is_stuck, view.overlay_is_unsent) == (True, True)
    monitor.record_metrics("cam", metrics(9, overlay_is_stuck=True))
    view = monitor.view("cam", "rtsp://cam")
    assert (view.overlay_is_stuck, view.overlay_is_unsent) == (True, False)


def test_counters_do_not_decrease_while_a_new_sink_repeats_frames(logbook):
    now = [0.0]
    monitor = RunMonitor(lambda: now[0])
    monitor.begun("cam", logbook)

    def taken(frames, worked):
        now[0] += 1
        monitor.record_metrics(
            "cam", metrics(frames, {"sink": Durations([worked], worked, worked / 50)}, at=now[0])
        )
        return monitor.view("cam", "cam.mp4")

    assert (taken(40, 39).frames, taken(60, 59).fps) == (40, 20.0)
    assert (taken(50, 49).frames, taken(60, 58).frames, taken(61, 58).frames) == (60, 60, 60)
    [counts] = monitor.counts().under_way.values()
    assert (counts.metrics.frames, counts.metrics.durations["sink"].count) == (60, 59)
    seen = taken(80, 77)
    assert (seen.frames, seen.fps) == (80, 5.0)


def test_rates_cover_recent_frames_and_silence_is_detected(logbook):
    now = [0.0]
    monitor = RunMonitor(lambda: now[0])

    def view(**how):
        return monitor.view("cam", "rtsp://cam", **how)

    assert view().state == "waiting"
    monitor.begun("cam", logbook)
    assert (view().state, view().reconnects) == ("connecting", 0)
    monitor.record_metrics("cam", metrics(0))  # reports drops only
    assert (view().state, view().dropped) == ("connecting", 3)
    monitor.record_metrics("cam", metrics(10, at=0.0))
    now[0] = 2.0
    monitor.record_metrics("cam", metrics(60, at=2.0))
    seen = view()
    assert (seen.state, seen.frames, seen.fps) == ("running", 60, 25.0)
    assert (seen.dropped, seen.reconnects, seen.latency_ms) == (3, 1, (1.0, 2.0, 3.0))
    assert (seen.crossings, seen.zones) == ({"gate": Counts(4, 5)}, {"stop": ZoneCounts(9, 2)})
    now[0] = 4.0
    monitor.record_metrics("cam", metrics(60, at=4.0))  # reports drops only
    assert (view().state, view().fps) == ("running", 25.0)
    now[0] = 6.0
    monitor.record_metrics("cam", metrics(110, at=6.0))
    assert (view().state, view().fps) == ("running", 12.5)
    now[0] = 10.0
    assert (view().state, view().fps) == ("silent", 0.0)
    for frames, at in ((160, 11.0), (210, 12.0)):  # the supervisor could not read them earlier
        monitor.record_metrics("cam", metrics(frames, at=at))
    assert (view().state, view().fps) == ("running", 50.0)
    assert view(stopping=True).state == "stopping"
    assert view().frame_size is None
    monitor.record_picture(Snapshot("sink", stream="cam", jpeg=b"jpeg", frame_size=(1920, 1080)))
    assert (monitor.picture("cam"), view().frame_size) == (b"jpeg", (1920, 1080))
    monitor.ended("cam")
    assert (view().state, view().frames) == ("waiting", 0)  # as when it is added again
    assert view().frame_size is None
    assert monitor.picture("cam") is None


def test_metrics_of_ended_streams_expire_even_if_nobody_reads_them(logbook):
    now = [0.0]
    monitor = RunMonitor(lambda: now[0])
    for number in range(5):
        now[0] += 601
        monitor.begun(f"cam-{number}", logbook)
        monitor.ended(f"cam-{number}")
    assert list(monitor._ended) == ["cam-4"]
