from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from stages.errors import OutputError
from stages.measurements import (
    Counts,
    Crossing,
    Crossings,
    GroundPlaces,
    ZoneCounts,
    ZoneEvent,
    ZoneEvents,
)
from stages.records import PixelFormat, Tracks, UInt8Array
from stages.sink.event_pictures import EventPictures
from tests.stages.sink.conftest import HEIGHT, WIDTH, make_header, make_tracks, names_in
from tests.waiting import wait_for

BLUE = (200, 60, 30)
UNSTATED = 2


def fail_on_message(message: str) -> None:
    raise AssertionError(message)


def make_frame(
    box: tuple[int, int, int, int], pixel_format: PixelFormat = PixelFormat.BGR24, identity: int = 7
) -> tuple[Tracks, UInt8Array]:
    """Returns a black frame with two vehicles; the box of the first one is blue."""
    left, top, right, bottom = box
    bgr = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    bgr[max(top, 0) : bottom, max(left, 0) : right] = BLUE
    header = make_header(3, pixel_format=pixel_format)
    tracks = make_tracks(header, [box, (100, 70, 104, 74)], [identity, 9])
    if pixel_format is PixelFormat.BGR24:
        return tracks, bgr
    return tracks, np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2YUV_I420), np.uint8)


def crossed(line: str = "stop line", identity: int = 7, number: int = 2) -> Crossings:
    crossing = Crossing(number, "0.040", identity, 0, line, "left")
    return Crossings("cam", (crossing,), {line: Counts(1, 0)})


@pytest.mark.parametrize("pixel_format", [PixelFormat.BGR24, PixelFormat.YUV420P])
@pytest.mark.parametrize(
    ("box", "shape", "place"),
    [
        ((40, 30, 60, 40), (30, 40), (10, 10)),
        ((0, 0, 20, 30), (45, 35), (0, 0)),  # in a corner
        ((-10, 80, 30, 100), (36, 50), (20, 0)),  # cut by the edges
        ((41, 33, 61, 49), (36, 40), (10, 10)),
    ],
)
def test_picture_shows_the_vehicle_with_a_margin_of_half_its_size(
    tmp_path: Path,
    pixel_format: PixelFormat,
    box: tuple[int, int, int, int],
    shape: tuple[int, int],
    place: tuple[int, int],
) -> None:
    EventPictures(tmp_path, 0, fail_on_message).save(*make_frame(box, pixel_format), [crossed()])
    assert names_in(tmp_path) == {"events/0000000002-stop-line-left-7.jpg"}
    picture = cv2.imread(str(tmp_path / "events/0000000002-stop-line-left-7.jpg"))
    assert picture is not None
    even = 2 * (pixel_format is not PixelFormat.BGR24)
    assert all(0 <= got - least <= even for got, least in zip(picture.shape, shape, strict=False))
    top, left = place
    inner = picture[top + 4 : top + 8, left + 4 : left + 8].astype(int)
    assert np.abs(inner.mean(axis=(0, 1)) - BLUE).max() < 12
    if top and left:
        assert picture[: top - 3, : left - 3].max(initial=0) < 40


def test_colours_use_the_matrix_of_the_video(tmp_path: Path) -> None:
    tracks, pixels = make_frame((40, 30, 60, 40), PixelFormat.YUV420P_BT709)
    pixels[:HEIGHT], pixels[HEIGHT : HEIGHT * 5 // 4], pixels[HEIGHT * 5 // 4 :] = 63, 102, 240
    EventPictures(tmp_path, 0, fail_on_message).save(tracks, pixels, [crossed()])
    picture = cv2.imread(str(next(tmp_path.glob("events/*"))))
    assert picture is not None
    # Pure red; with the BT.601 matrix it would be (2, 0, 233).
    assert np.abs(picture.reshape(-1, 3).astype(int).mean(axis=0) - (0, 0, 255)).max() < 6


def test_zone_entries_stays_and_exits_have_pictures_but_lost_tracks_do_not(
    tmp_path: Path,
) -> None:
    events = tuple(
        ZoneEvent(number, "0.040", identity, 0, "bus/stop", kind, 0.0)  # type: ignore[arg-type]
        for number, identity, kind in (
            *((4, 7, "enter"), (8, 7, "stay")),
            *((9, 7, "leave"), (5, 7, "lost")),
        )
    )
    zones = ZoneEvents("cam", 9, "0.320", events, {"bus/stop": ZoneCounts(1, 0)})
    places = GroundPlaces("cam", 3, "0.080", ())
    pictures = EventPictures(tmp_path, 0, fail_on_message)
    pictures.save(*make_frame((40, 30, 60, 40)), [places, zones])
    assert names_in(tmp_path) == {
        "events/0000000004-bus-stop-enter-7.jpg",
        "events/0000000008-bus-stop-stay-7.jpg",
        "events/0000000009-bus-stop-leave-7.jpg",
    }


def test_a_box_outside_the_frame_has_no_picture(tmp_path: Path) -> None:
    pictures = EventPictures(tmp_path, 0, fail_on_message)
    for box in ((WIDTH + 50, 0, WIDTH + 60, 10), (0, -40, 10, -20)):
        for pixel_format in PixelFormat:
            pictures.save(*make_frame(box, pixel_format), [crossed()])
    assert names_in(tmp_path) == set()


def test_no_folder_is_created_without_events(tmp_path: Path) -> None:
    EventPictures(tmp_path, 0, fail_on_message).save(*make_frame((40, 30, 60, 40)), [])
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def save_event(tmp_path: Path) -> Callable[[EventPictures, int], None]:
    def save(pictures: EventPictures, number: int) -> None:
        pictures.save(*make_frame((40, 30, 60, 40)), [crossed(number=number)])

    return save


def test_oldest_pictures_are_removed_beyond_the_limit(
    tmp_path: Path, save_event: Callable[[EventPictures, int], None]
) -> None:
    save_event(EventPictures(tmp_path, 0, fail_on_message), 1)
    (first,) = tmp_path.glob("events/*")
    own = tmp_path / "events/0-of-the-user.jpg"
    own.write_bytes(bytes(10_000))
    messages: list[str] = []
    pictures = EventPictures(tmp_path, 3.5 * first.stat().st_size / 1e9, messages.append)
    for number in (3, 2, 50, 4):
        save_event(pictures, number)
        assert pictures._check is not None  # a thread removes the oldest
        wait_for(pictures._check.done)
    assert sorted(names_in(tmp_path)) == [
        "events/0-of-the-user.jpg",
        *(f"events/{number:010}-stop-line-left-7.jpg" for number in (3, 4, 50)),
    ]
    (message,) = messages
    assert message.startswith(
        f"pictures in {tmp_path / 'events'} (sink.event_gigabytes) have reached"
    )


def test_folder_is_scanned_once_per_hundredth_of_the_limit(
    tmp_path: Path,
    save_event: Callable[[EventPictures, int], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scans: list[Path] = []

    def scan(folder: Path) -> list[Path]:
        scans.append(folder)
        return []

    monkeypatch.setattr("stages.sink.event_pictures.event_pictures", scan)
    save_event(EventPictures(tmp_path, 0, fail_on_message), 1)
    assert scans == []
    (first,) = tmp_path.glob("events/*")
    pictures = EventPictures(tmp_path, 250 * first.stat().st_size / 1e9, fail_on_message)
    for number in range(2, 9):
        save_event(pictures, number)
        if pictures._check is not None:
            wait_for(pictures._check.done)
    assert scans == [tmp_path] * 2  # after three pictures each


def test_write_errors_are_reported(
    tmp_path: Path, save_event: Callable[[EventPictures, int], None]
) -> None:
    (tmp_path / "events").touch()
    with pytest.raises(OutputError, match=r"^cannot write .*events.*a file is where a folder"):
        save_event(EventPictures(tmp_path, 0, fail_on_message), 1)


def test_frames_do_not_wait_for_a_removal_and_its_failure_is_reported(
    tmp_path: Path,
    save_event: Callable[[EventPictures, int], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    may_fail = threading.Event()

    def remove(path: Path) -> None:
        may_fail.wait(10)
        raise OutputError(f"cannot remove {path}")

    monkeypatch.setattr("stages.sink.retention.remove_file", remove)
    pictures = EventPictures(tmp_path, 1e-9, fail_on_message)
    save_event(EventPictures(tmp_path, 0, fail_on_message), 1)
    for number in (2, 3, 4):
        save_event(pictures, number)
    check = pictures._check
    assert check is not None
    assert not check.done()
    may_fail.set()
    wait_for(check.done)
    with pytest.raises(OutputError, match=r"cannot remove .*0000000001"):
        save_event(pictures, 5)
