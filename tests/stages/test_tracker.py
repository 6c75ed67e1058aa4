from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from stages.errors import ConfigError
from stages.records import Detections, FrameHeader, PixelFormat
from stages.tracker import TrackerStage
from trackers import TRACKERS, Sort
from trackers.tracker import TrackedBoxes

BOX = (10.0, 10.0, 50.0, 40.0)


def detections(
    index: int,
    boxes: object = (BOX,),
    *,
    stream: str = "cam",
    epoch: int = 0,
    motion: np.ndarray | None = None,
) -> Detections:
    header = FrameHeader(
        stream, epoch, index, index, index, Fraction(1, 25), 0, 96, 128, PixelFormat.YUV420P
    )
    array = np.array(boxes, np.float32).reshape(-1, 4)
    scores = np.linspace(0.9, 0.5, len(array), dtype=np.float32)
    return Detections(header, array, scores, np.arange(len(array), dtype=np.int16), motion)


def test_tracks_match_the_order_of_the_detections() -> None:
    stage = TrackerStage("sort", {})
    given = detections(0, [BOX, (60, 10, 90, 40)])
    tracks = stage.process(given)
    assert tracks.detections is given
    assert tracks.frame == given.frame
    assert tracks.ids.tolist() == [1, 2]
    assert tracks.classes.tolist() == [0, 1]
    np.testing.assert_allclose(tracks.scores, given.scores)
    np.testing.assert_allclose(tracks.boxes, given.boxes, rtol=1e-6)
    tracks = stage.process(detections(1, [(60, 10, 90, 40), BOX]))
    assert tracks.ids.tolist() == [1, 2]
    np.testing.assert_allclose(tracks.scores, [0.5, 0.9])
    assert len(stage.process(detections(2, []))) == 0


def test_streams_do_not_mix() -> None:
    stage = TrackerStage("sort", {"min_hits": 0})
    alone = TrackerStage("sort", {"min_hits": 0})
    for index in range(10):
        box = np.array([BOX]) + 2 * index
        mine = stage.process(detections(index, box, stream="a"))
        stage.process(detections(index, box + 300 * (index % 3), stream="b"))
        expected = alone.process(detections(index, box, stream="a"))
        np.testing.assert_array_equal(mine.boxes, expected.boxes)
        assert mine.ids.tolist() == expected.ids.tolist() == [1]


def test_settings_reach_the_tracker() -> None:
    assert len(TrackerStage("sort", {"min_score": 0.95}).process(detections(0))) == 0


def test_new_epoch_clears_tracks_and_gives_new_ids() -> None:
    stage = TrackerStage("sort", {"min_hits": 0})
    for index in range(3):
        assert stage.process(detections(index)).ids.tolist() == [1]
    assert stage.process(detections(3, epoch=1)).ids.tolist() == [2]
    assert stage.process(detections(4, epoch=1)).ids.tolist() == [2]


def test_first_frame_of_an_epoch_is_tracked_whatever_its_index() -> None:
    stage = TrackerStage("bytetrack", {})
    assert stage.process(detections(0)).ids.tolist() == [1]
    assert stage.process(detections(9, epoch=1)).ids.tolist() == [2]
    stage.close("cam")
    assert stage.process(detections(18, epoch=1)).ids.tolist() == [1]


def test_a_frame_of_unknown_size_is_tracked() -> None:
    given = detections(0)
    unknown = replace(given, frame=replace(given.frame, height=0, width=0))
    assert TrackerStage("sort", {}).process(unknown).ids.tolist() == [1]


def car(index: int) -> Detections:
    """A car that is 80 pixels wide and moves by 8 from frame to frame."""
    return detections(index, [(8 * index, 10, 80 + 8 * index, 60)])


@pytest.mark.parametrize(("every", "step"), [(1, 9), (3, 27)])
def test_tracks_continue_through_dropped_frames(every: int, step: int) -> None:
    stage = TrackerStage("spottrack", {"estimate_camera": False}, every)
    indices = [*range(0, 12 * every, every), 11 * every + step, 12 * every + step]
    assert {stage.process(car(index)).ids.tolist()[0] for index in indices} == {1}


def test_long_outage_clears_tracks_and_gives_new_ids() -> None:
    stage = TrackerStage("spottrack", {})
    for index in range(12):
        stage.process(detections(index))
    assert stage.process(detections(15_000)).ids.tolist() == [2]
    assert stage.process(detections(15_001)).ids.tolist() == [2]


def test_rejected_frame_changes_neither_tracks_nor_unseen_frames() -> None:
    stage, undisturbed = (TrackerStage("spottrack", {"estimate_camera": False}) for _ in range(2))
    for index in [*range(10), *range(18, 22)]:
        if index == 18:
            with pytest.raises(ValueError, match="frame 19: boxes must be finite"):
                stage.process(detections(18, [(np.nan, 10, 80, 60)]))
        tracks, expected = stage.process(car(index)), undisturbed.process(car(index))
        assert tracks.ids.tolist() == expected.ids.tolist() == [1]
        np.testing.assert_array_equal(tracks.boxes, expected.boxes)


def test_close_forgets_only_the_closed_stream() -> None:
    stage = TrackerStage("sort", {"min_hits": 0})
    for stream in ("a", "b"):
        stage.process(detections(0, [BOX, (60, 10, 90, 40)], stream=stream))
    stage.close("a")
    stage.close("never seen")
    assert stage.process(detections(1, [(60, 10, 90, 40)], stream="a")).ids.tolist() == [1]
    assert stage.process(detections(1, [(60, 10, 90, 40)], stream="b")).ids.tolist() == [2]


def test_ids_of_an_earlier_stage_are_skipped() -> None:
    stage = TrackerStage("sort", {})
    stage.skip_ids("cam", 7)
    assert stage.process(detections(0)).ids.tolist() == [7]
    assert (stage.next_id("cam"), stage.next_id("other")) == (8, 1)


def test_motion_frame_size_and_unseen_frames_are_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []

    class Recording(Sort):
        def update(self, *arguments: object) -> TrackedBoxes:  # type: ignore[override]
            seen.append(arguments[3:])
            return super().update(*arguments)  # type: ignore[arg-type]

    monkeypatch.setitem(TRACKERS, "recording", Recording)
    motion = np.array([[1, 0, 4], [0, 1, 2]], np.float32)
    stage = TrackerStage("recording", {}, 2)  # every other frame
    for index in (0, 8):
        stage.process(detections(index, motion=motion))
    assert seen == [(motion, (128, 96), 0), (motion, (128, 96), 3)]


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("sorted", {}, "unknown tracker 'sorted'; the trackers are"),
        ("sort", {"max_ages": 1}, "'sort' has no setting 'max_ages'; its settings are max_age"),
        ("sort", {"max_age": -2}, "max_age must be a whole number of at least 0, got -2"),
    ],
)
def test_wrong_settings_are_config_errors(
    name: str, settings: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        TrackerStage(name, settings)


def test_step_between_frames_must_be_at_least_one() -> None:
    with pytest.raises(ConfigError, match="every must be at least 1, got 0"):
        TrackerStage("sort", {}, 0)


@pytest.mark.parametrize(("stream", "named"), [("cam", "stream cam, "), ("", "")])
def test_malformed_detections_name_stream_and_frame(stream: str, named: str) -> None:
    stage = TrackerStage("sort", {})
    with pytest.raises(ValueError, match=f"^{named}frame 8: boxes must be finite"):
        stage.process(detections(7, [(np.nan, 1, 2, 3)], stream=stream))
