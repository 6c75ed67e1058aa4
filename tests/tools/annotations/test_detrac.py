from __future__ import annotations

from pathlib import Path

import pytest

from tests.tools.annotations.detrac_file import annotation, box, frame, overlap, target
from tools.annotations.detrac import read_detrac_ground_truth

OUTSIDE, HALF, INSIDE = 80, 95, 110  # left edges of boxes 10 wide; the region begins at 100


def sequence(folder: Path, *tracks: dict[int, int]) -> Path:
    """Writes an annotation with one ignored region; a track maps frames to left edges."""
    frames = [
        frame(
            number,
            *(
                target(identity, track[number], top=0, height=10)
                for identity, track in enumerate(tracks, 1)
                if number in track
            ),
        )
        for number in sorted({number for track in tracks for number in track})
    ]
    path = folder / "A.xml"
    path.write_text(annotation("".join(frames), "A", box(100, 0, 100, 50)))
    return path


@pytest.mark.parametrize(
    ("lefts", "kept"),
    [
        ((OUTSIDE, OUTSIDE, OUTSIDE), [0, 1, 2]),
        ((INSIDE, OUTSIDE, OUTSIDE, INSIDE, INSIDE), [1, 2]),
        ((HALF, OUTSIDE, HALF), [1]),
        ((HALF - 1, OUTSIDE, HALF - 1), [0, 1, 2]),
        ((INSIDE, OUTSIDE, INSIDE, HALF, OUTSIDE, INSIDE), [1, 2, 3, 4]),
        ((INSIDE, INSIDE), []),
    ],
)
def test_tracks_begin_and_end_outside_ignored_regions(
    tmp_path: Path, lefts: tuple[int, ...], kept: list[int]
) -> None:
    other = dict.fromkeys((1, 9), OUTSIDE)
    truth = read_detrac_ground_truth(sequence(tmp_path, other, dict(enumerate(lefts, 1))))
    assert truth.tracks.frames[truth.tracks.ids == 2].tolist() == kept
    assert truth.tracks.frames[truth.tracks.ids == 1].tolist() == [0, 8]
    assert len(truth.objects) == 2 + len(lefts)
    assert len(truth.levels["easy"]) == len(truth.objects)
    assert truth.frame_count == 9
    assert (truth.ignored.boxes.tolist(), truth.ignored.rule) == ([[100, 0, 200, 50]], "half area")


def test_annotation_without_tracks_is_empty(tmp_path: Path) -> None:
    truth = read_detrac_ground_truth(sequence(tmp_path))
    assert (len(truth.tracks), truth.frame_count) == (0, 0)


def test_levels_and_conditions_do_not_depend_on_the_frame_order(tmp_path: Path) -> None:
    second = frame(2, target(3, 9, cut=1), target(1, 9, cut=0.51))
    first = frame(1, target(2, 9), target(1, 9, cut=0.01))
    (tmp_path / "A.xml").write_text(annotation(f'{second}<frame num="7"/>{first}', "B"))
    truth = read_detrac_ground_truth(tmp_path / "A.xml")
    assert truth.objects.frames.tolist() == [0, 0, 1, 1]
    assert truth.objects.ids.tolist() == [1, 2, 1, 3]
    assert {level: of.tolist() for level, of in truth.levels.items()} == {
        "easy": [False, True, False, False],
        "medium": [True, False, False, False],
        "hard": [False, False, True, True],
    }
    assert (truth.name, truth.frame_count, truth.conditions) == ("B", 7, {"weather": "night"})


def test_file_without_weather_has_no_conditions(tmp_path: Path) -> None:
    (tmp_path / "A.xml").write_text('<sequence name="A"/>')
    assert read_detrac_ground_truth(tmp_path / "A.xml").conditions == {}


def test_exactly_half_hidden_vehicle_is_medium(tmp_path: Path) -> None:
    half = overlap(470, 300, 43.47, 90)
    vehicle = target(1, 478.2, 322.01, 70.54, 61.42, overlaps=half)
    (tmp_path / "A.xml").write_text(annotation(frame(1, vehicle)))
    levels = read_detrac_ground_truth(tmp_path / "A.xml").levels
    assert {level: of.tolist() for level, of in levels.items()} == {
        "easy": [False],
        "medium": [True],
        "hard": [False],
    }
