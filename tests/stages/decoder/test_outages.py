import pytest

from stages.decoder.live_options import LiveOptions
from stages.decoder.outages import Outages
from stages.decoder.source import SourceRuntime


class Camera:
    """Outages of a camera, on a clock that the test advances."""

    def __init__(self, jitter=1.0):
        self.now = 0.0
        self.lines = []
        self.kinds = []  # of each line: "lost" or "back"
        self._outages = Outages(
            "cam",
            LiveOptions(),
            SourceRuntime(
                lost=lambda line: self.report("lost", line),
                back=lambda line: self.report("back", line),
                monotonic=lambda: self.now,
            ),
            jitter=lambda: jitter,
        )

    def report(self, kind, line):
        self.kinds.append(kind)
        self.lines.append(line)

    def lose(self, reason="the connection ended", after=0.0):
        self.now += after
        return self._outages.failed(reason)

    def gain(self, after=1.0):
        self.now += after
        self._outages.frame_came()


@pytest.mark.parametrize(
    ("jitter", "pauses"),
    [(1.0, [0.5, 1, 1.5, 1.5, 1.5]), (0.0, [0.25, 0.5, 0.75, 0.75, 0.75])],
)
def test_retry_pauses_grow_to_a_limit_with_jitter(jitter, pauses):
    camera = Camera(jitter)
    assert [camera.lose() for _ in range(5)] == pauses


def test_retries_continue_through_an_outage_of_weeks():
    camera = Camera()
    assert {camera.lose(after=600) for _ in range(2000)} == {0.5, 1, 1.5}


def test_pauses_reset_only_after_several_steady_seconds():
    camera = Camera()
    camera.lose()
    camera.gain()
    assert camera.lose(after=2) == 1
    camera.gain()
    assert camera.lose(after=2) == 1.5
    camera.gain()
    camera.gain()  # later frames
    assert camera.lose(after=20) == 0.5


def test_an_outage_and_its_end_are_reported_once():
    camera = Camera()
    camera.lose()
    camera.lose("connection refused")
    camera.gain()
    camera.gain()
    assert camera.kinds == ["lost", "back"]
    assert camera.lines == [
        "cam: the connection ended; connecting again",
        "cam is back after 2 attempts",
    ]


def test_a_flapping_camera_is_reported_once_a_minute_with_a_count():
    camera = Camera()
    for _ in range(41):  # every three seconds
        camera.lose(after=2)
        camera.gain()
    assert camera.lines[0::2] == [
        "cam: the connection ended; connecting again",
        "cam: the connection ended; connecting again (outage 21)",
        "cam: the connection ended; connecting again (outage 41)",
    ]
    assert camera.lines[1::2] == ["cam is back after an attempt"] * 3


def test_an_outage_soon_after_the_last_is_reported_later_if_it_lasts():
    camera = Camera()
    camera.lose()
    camera.gain()
    camera.lose(after=1)
    assert len(camera.lines) == 2
    camera.lose("connection refused", after=60)
    assert camera.lines[2:] == ["cam: connection refused; connecting again (outage 2)"]


def test_a_new_reason_is_reported_a_minute_later():
    camera = Camera()
    camera.lose()
    for _ in range(300):
        camera.lose("401 Unauthorized", after=1)
    camera.gain()
    assert camera.lines == [
        "cam: the connection ended; connecting again",
        "cam: 401 Unauthorized; connecting again",
        "cam is back after 301 attempts",
    ]


def test_alternating_reasons_are_reported_once_a_minute():
    camera = Camera()
    for _ in range(300):
        camera.lose("connection refused", after=1)
        camera.lose("no such host")
    assert 4 <= len(camera.lines) <= 6


def test_a_lasting_outage_is_reported_hourly_with_its_latest_reason():
    camera = Camera()
    camera.lose()
    camera.gain()
    camera.lose(after=60)
    for minute in range(1, 150):
        camera.lose("connection refused" if minute < 100 else "no such host", after=60)
    assert camera.lines[2:] == [
        "cam: the connection ended; connecting again (outage 2)",
        "cam: connection refused; connecting again (outage 2)",
        "cam: connection refused; away for 1 hour, connecting again (outage 2)",
        "cam: no such host; connecting again (outage 2)",
        "cam: no such host; away for 2 hours, connecting again (outage 2)",
    ]
    camera.gain()
    camera.lose(after=60)
    camera.lose(after=60 * 59)
    assert camera.lines[8:] == ["cam: the connection ended; connecting again (outage 3)"]


def test_a_reason_that_names_the_camera_gets_no_name_prefix():
    camera = Camera()
    camera.lose("cannot open cam as a video")
    assert camera.lines == ["cannot open cam as a video; connecting again"]
