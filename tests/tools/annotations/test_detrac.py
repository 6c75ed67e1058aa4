from __future__ import annotations

from pathlib import Path

import pytest

from tools.annotations.detrac import read_detrac_ground_truth

OUTSIDE, HALF, INSIDE = 80, 95, 110  # left edges of boxes 10 wide; the region begins at 100


def sequence(folder: Path, *tracks: dict[int, int]) -> Path:
    """An annotation with one ignored region; of each track, the left edge in every frame."""
    frames = []
    for frame in sorted({frame for track in tracks for frame in track}):
        targets = "".join(
            f'<target id="{identity}"><box left="{track[frame]}" top="0" width="10" height="10"/>'
            "</target>"
            for identity, track in enumerate(tracks, 1)
            if frame in track
        )
        frames.append(f'<frame num="{frame}"><target_list>{targets}</target_list></frame>')
    region = '<ignored_region><box left="100" top="0" width="100" height="50"/></ignored_region>'
    path = folder / "A.xml"
    path.write_text(f'<sequence name="A">{region}{"".join(frames)}</sequence>')
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


def test_no_track_at_all(tmp_path: Path) -> None:
    truth = read_detrac_ground_truth(sequence(tmp_path))
    assert (len(truth.tracks), truth.frame_count) == (0, 0)


def test_levels_and_conditions_of_a_file_in_any_order(tmp_path: Path) -> None:
    target = (
        '<target id="{}"><box left="9" top="9" width="9" height="9"/>'
        '<attribute truncation_ratio="{}"/></target>'
    )
    (tmp_path / "A.xml").write_text(
        '<sequence name="B"><sequence_attribute camera_state="stable" sence_weather="night"/>'
        f'<frame num="2">{target.format(3, 1)}{target.format(1, 0.51)}</frame><frame num="7"/>'
        f'<frame num="1">{target.format(2, 0)}{target.format(1, 0.01)}</frame></sequence>'
    )
    truth = read_detrac_ground_truth(tmp_path / "A.xml")
    assert truth.objects.frames.tolist() == [0, 0, 1, 1]
    assert truth.objects.ids.tolist() == [1, 2, 1, 3]
    assert {level: of.tolist() for level, of in truth.levels.items()} == {
        "easy": [False, True, False, False],
        "medium": [True, False, False, False],
        "hard": [False, False, True, True],
    }
    assert (truth.name, truth.frame_count, truth.conditions) == ("B", 7, {"weather": "night"})


def test_a_vehicle_of_which_exactly_half_is_hidden_is_medium(tmp_path: Path) -> None:
    (tmp_path / "A.xml").write_text(
        '<sequence name="A"><frame num="1"><target_list><target id="1">'
        '<box left="478.2" top="322.01" width="70.54" height="61.42"/>'
        '<occlusion><region_overlap occlusion_id="2" occlusion_status="0"'
        ' left="470" top="300" width="43.47" height="90"/></occlusion>'
        "</target></target_list></frame></sequence>"
    )
    levels = read_detrac_ground_truth(tmp_path / "A.xml").levels
    assert {level: of.tolist() for level, of in levels.items()} == {
        "easy": [False],
        "medium": [True],
        "hard": [False],
    }
