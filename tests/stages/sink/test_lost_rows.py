"""Text results whose last rows were lost in a power failure."""

import dataclasses

import pytest

from stages.atomic import part_path
from stages.result_files import CROSSINGS, DETECTIONS, GROUND, KITTI, TIMES, TRACKS, VIEWS
from stages.sink.lost_rows import frames_from, without_lost_rows
from stages.sink.text_results import TextExtent, TextState
from stages.sink.timeline import TimelineState

NAMES = (TRACKS, DETECTIONS, TIMES, CROSSINGS, GROUND, KITTI, VIEWS)
ROWS = {
    TRACKS: "".join(f"{frame},{track},1\n" for frame in (3, 4, 5, 6) for track in (1, 2)),
    DETECTIONS: "".join(f"{frame},1,1\n" for frame in (3, 4, 6)),
    TIMES: "".join(f"{frame},2026\n" for frame in (3, 4, 5, 6)),
    CROSSINGS: "5,x\n3,y\n",
    GROUND: "".join(f"{frame},1,2.00,3.00,\n" for frame in (3, 4, 5, 6)),
    KITTI: "".join(f"{frame - 1} {track} Car\n" for frame in (3, 4, 5, 6) for track in (1, 2)),
    VIEWS: "".join(f"{frame},1,0,{frame},0,1,0,0,0,1\n" for frame in (3, 5, 6)),
}
EXTENT = TextExtent(4, tuple(len(ROWS[name]) for name in NAMES))
STATE = TextState(2, 0, (), EXTENT, TimelineState([]))


@pytest.fixture
def part(tmp_path):
    """Returns the part file of a result by its name."""

    def of(name):
        return part_path(tmp_path / name.replace(".", "-2."))

    for name, rows in ROWS.items():
        of(name).write_text(rows)
    return of


def kept(folder):
    """Returns the frames in the remaining rows of each file, and the number of lost frames."""
    state, lost = without_lost_rows(folder, NAMES, STATE)
    rows = {name: ROWS[name][:size] for name, size in zip(NAMES, state.latest.sizes, strict=True)}
    frames = {
        name: [int(row.replace(",", " ").split()[0]) for row in rows[name].splitlines()]
        for name in NAMES
    }
    assert state.latest.frames == len(frames[TIMES])
    return frames, lost


def test_rows_written_after_the_state_lose_no_frames(tmp_path, part):
    part(TRACKS).write_text(ROWS[TRACKS] + "7,1,1\n")
    assert without_lost_rows(tmp_path, NAMES, STATE) == (STATE, 0)


def test_file_that_already_has_its_final_name_is_read(tmp_path, part):
    part(TRACKS).rename(tmp_path / "mot-2.txt")
    assert without_lost_rows(tmp_path, NAMES, STATE) == (STATE, 0)


def test_frame_is_kept_if_its_time_row_is(tmp_path, part):
    part(TIMES).write_text(ROWS[TIMES][:-3])
    frames, lost = kept(tmp_path)
    assert (frames[TRACKS], frames[TIMES], lost) == ([3, 3, 4, 4, 5, 5], [3, 4, 5], 1)
    assert frames[DETECTIONS] == [3, 4]
    assert (frames[CROSSINGS], frames[KITTI]) == ([5, 3], [2, 2, 3, 3, 4, 4])


@pytest.mark.parametrize(("name", "cut"), [(TRACKS, 8), (GROUND, 10), (KITTI, 10), (VIEWS, 20)])
def test_last_frame_left_in_a_cut_file_of_tracks_is_dropped(tmp_path, part, name, cut):
    part(name).write_text(ROWS[name][:-cut])  # frame 6 has no row, 5 has both
    frames, lost = kept(tmp_path)
    assert (frames[TRACKS], frames[TIMES], lost) == ([3, 3, 4, 4], [3, 4], 2)


def test_shortest_of_several_cut_files_sets_the_last_frame(tmp_path, part):
    part(TIMES).write_text(ROWS[TIMES][:7])  # of frame 3
    part(TRACKS).write_text(ROWS[TRACKS][:-6])
    frames, lost = kept(tmp_path)
    assert (frames[TRACKS], frames[TIMES], lost) == ([3, 3], [3], 3)


def test_zero_bytes_are_not_rows(tmp_path, part):
    part(DETECTIONS).write_bytes(ROWS[DETECTIONS][:-4].encode() + bytes(4))
    frames, lost = kept(tmp_path)
    assert (frames[DETECTIONS], frames[TIMES], lost) == ([3], [3], 3)


def test_rows_after_zero_bytes_are_lost_too(tmp_path, part):
    whole = ROWS[DETECTIONS].encode()
    part(DETECTIONS).write_bytes(whole[:6] + bytes(6) + whole[12:])
    frames, lost = kept(tmp_path)
    assert (frames[DETECTIONS], frames[TIMES], lost) == ([], [], 4)


def test_rows_after_the_state_do_not_count_if_another_file_is_cut(tmp_path, part):
    part(CROSSINGS).write_text(ROWS[CROSSINGS][:-2])
    part(TIMES).write_text(ROWS[TIMES] + "7,2026\n")
    frames, lost = kept(tmp_path)
    assert (frames[TIMES], lost) == ([3, 4, 5, 6], 0)
    state, _ = without_lost_rows(tmp_path, NAMES, STATE)
    assert state.latest.sizes[NAMES.index(TIMES)] == len(ROWS[TIMES])


def test_frames_are_counted_from_the_given_file_number_on(tmp_path, part):
    (tmp_path / "times.txt").write_text("1,2026\n2,2026\n")
    part(TIMES).rename(tmp_path / "times-2.txt")
    part_path(tmp_path / "times-10.txt").write_text("7,2026\n8,20")  # the last row is not whole
    assert [frames_from(tmp_path, number) for number in (1, 2, 3, 11)] == [7, 5, 1, 0]


@pytest.mark.parametrize("name", [TRACKS, TIMES, GROUND, KITTI, VIEWS])
def test_missing_file_loses_all_frames(name, tmp_path, part):
    part(name).unlink()
    frames, lost = kept(tmp_path)
    assert (frames[TRACKS], frames[TIMES], lost) == ([], [], 4)


def test_cut_file_of_crossings_loses_no_frames(tmp_path, part):
    part(CROSSINGS).write_text(ROWS[CROSSINGS][:-2])
    frames, lost = kept(tmp_path)
    assert (frames[CROSSINGS], frames[TIMES], lost) == ([5], [3, 4, 5, 6], 0)


@pytest.fixture
def with_earlier(tmp_path, part):
    """The state, with two frames in files before the latest that have no final names yet."""
    for name in NAMES:
        part_path(tmp_path / name).write_text("1,x\n2,x\n")
    return dataclasses.replace(STATE, unnamed=(TextExtent(2, (8,) * len(NAMES)),))


def test_earlier_files_without_final_names_may_lack_rows(tmp_path, with_earlier):
    assert without_lost_rows(tmp_path, NAMES, with_earlier) == (with_earlier, 0)
    part_path(tmp_path / TIMES).write_bytes(b"1,x\n" + bytes(4))
    kept = TextExtent(1, tuple(8 if name == CROSSINGS else 4 for name in NAMES))
    expected = dataclasses.replace(with_earlier, unnamed=(kept,))
    assert without_lost_rows(tmp_path, NAMES, with_earlier) == (expected, 1)


@pytest.mark.parametrize("taken", [NAMES, NAMES[:1]])
def test_earlier_files_that_are_missing_count_as_complete(tmp_path, with_earlier, taken):
    for name in taken:
        part_path(tmp_path / name).unlink()
    assert without_lost_rows(tmp_path, NAMES, with_earlier) == (with_earlier, 0)
