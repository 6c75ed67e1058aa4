from pipeline.reports import Snapshot, StreamMetrics
from pipeline.supervision.monitor import RunMonitor
from pipeline.transport.logbook import SharedNumber
from stages.records import DropReason
from stages.sink.crossings import Counts
from stages.sink.zones import ZoneCounts


def metrics(frames, **more):
    return StreamMetrics(
        frames=frames,
        dropped={DropReason.BEHIND: 3},
        connections=2,
        durations={},
        recent_latency_ms=(1.0, 2.0, 3.0),
        crossings={"gate": Counts(4, 5)},
        zones={"stop": ZoneCounts(9, 2)},
        **more,
    )


def test_a_view_shows_what_is_missing(logbook):
    monitor = RunMonitor()
    monitor.begun("cam", logbook)
    faults = {"overlay_is_stuck": True, "overlay_is_unsent": True}
    monitor.take("cam", metrics(9, left_out_of_overlay=4, not_received=5, **faults))
    assert not monitor.view("cam", "rtsp://cam").recording_is_stuck
    logbook[SharedNumber.RECORDING_STUCK] = 1
    view = monitor.view("cam", "rtsp://cam")
    assert view.recording_is_stuck
    assert (view.left_out_of_overlay, view.not_received) == (4, 5)
    assert (view.overlay_is_stuck, view.overlay_is_unsent) == (True, True)
    monitor.take("cam", metrics(9, overlay_is_stuck=True))
    view = monitor.view("cam", "rtsp://cam")
    assert (view.overlay_is_stuck, view.overlay_is_unsent) == (True, False)


def test_rates_are_of_late_and_silence_is_seen(logbook):
    now = [0.0]
    monitor = RunMonitor(lambda: now[0])

    def view(**how):
        return monitor.view("cam", "rtsp://cam", **how)

    assert view().state == "waiting"
    monitor.begun("cam", logbook)
    assert (view().state, view().reconnects) == ("connecting", 0)
    monitor.take("cam", metrics(0))  # of drops
    assert (view().state, view().dropped) == ("connecting", 3)
    monitor.take("cam", metrics(10))
    now[0] = 2.0
    monitor.take("cam", metrics(60))
    seen = view()
    assert (seen.state, seen.frames, seen.fps) == ("running", 60, 25.0)
    assert (seen.dropped, seen.reconnects, seen.latency_ms) == (3, 1, (1.0, 2.0, 3.0))
    assert (seen.crossings, seen.zones) == ({"gate": Counts(4, 5)}, {"stop": ZoneCounts(9, 2)})
    now[0] = 4.0
    monitor.take("cam", metrics(60))
    assert (view().state, view().fps) == ("running", 0.0)
    now[0] = 6.0
    monitor.take("cam", metrics(110))
    assert (view().state, view().fps) == ("running", 25.0)
    now[0] = 10.0
    assert (view().state, view().fps) == ("silent", 0.0)
    assert view(stopping=True).state == "stopping"
    assert view().frame_size is None
    monitor.take_picture(Snapshot("sink", stream="cam", jpeg=b"jpeg", frame_size=(1920, 1080)))
    assert (monitor.picture("cam"), view().frame_size) == (b"jpeg", (1920, 1080))
    monitor.ended("cam")
    assert (view().state, view().frames) == ("waiting", 0)  # as when it is added again
    assert view().frame_size is None
    assert monitor.picture("cam") is None
