"""What is drawn."""

from __future__ import annotations

import re
from pathlib import Path

import av
import cv2
import numpy as np

from tests.stages.decoder.conftest import write_video
from tests.tools.commands.draw.command import draw, hidden, luma, rows, run
from tests.videos import frames_in


def test_boxes_are_drawn_on_their_frames(video: Path, tracks: Path, tmp_path: Path) -> None:
    output = tmp_path / "new" / "drawn.mp4"
    printed = draw(video, "--tracks", tracks, "--output", output)
    assert printed == f"{output}: 1 track, 30 boxes in 30 frames\n"
    assert not hidden(output.parent)
    for index, (drawn, plain) in enumerate(zip(luma(output), luma(video), strict=True)):
        left = 2 * (index + 1)
        edge, inside = (
            int(abs(each[44:56, x : x + 2].astype(int).mean() - plain.mean()))
            for each, x in ((drawn, left), (drawn, left + 14))
        )
        assert (edge > 20) or index > 8, index  # later the grey is as bright as the box
        assert inside < 4


def test_a_selection_keeps_the_numbers_of_frames(video: Path, tmp_path: Path) -> None:
    tracks, output = tmp_path / "others.txt", tmp_path / "drawn.mp4"
    tracks.write_text(rows(range(6, 7)))
    selection = ("--set", "decoder.first_frame=5", "--set", "decoder.last_frame=6")
    printed = draw(video, "--tracks", tracks, "--output", output, *selection)
    assert printed == f"{output}: 1 track, 1 box in 2 frames\n"
    before, drawn = luma(output)
    assert abs(before[44:56, 12:14].mean() - before.mean()) < 10
    assert abs(drawn[44:56, 12:14].mean() - before.mean()) > 20


def test_boxes_with_scores_too_low_to_be_drawn_are_not_reported(
    video: Path, tmp_path: Path
) -> None:
    tracks, output = tmp_path / "scored.txt", tmp_path / "drawn.mp4"
    tracks.write_text("1,7,10,40,30,20,0.6\n2,7,12,40,30,20,-1\n2,8,50,40,30,20,0.4\n")
    printed = draw(
        video, "--tracks", tracks, "--output", output, "--set", "sink.overlay_min_score=0.5"
    )
    assert printed == f"{output}: 1 track, 2 boxes in 30 frames\n"


def test_images_are_numbered_by_their_names(tmp_path: Path, tracks: Path) -> None:
    folder = tmp_path / "M0101"
    folder.mkdir()
    for number in (2, 4):
        cv2.imwrite(str(folder / f"img{number:06d}.png"), np.full((96, 128, 3), 90, np.uint8))
    tracks.write_text(rows(range(4, 5)))
    output, slow = tmp_path / "drawn.mp4", ("--set", "decoder.frame_rate=10")
    printed = draw(folder, "--tracks", tracks, "--output", output, *slow)
    with av.open(str(output)) as container:
        assert container.streams.video[0].average_rate == 5  # the third is missing
    assert printed == f"{output}: 1 track, 1 box in 2 frames\n"
    before, drawn = luma(output)
    assert abs(before[44:56, 8:10].mean() - before.mean()) < 4
    assert abs(drawn[44:56, 8:10].mean() - before.mean()) > 20


def test_a_change_of_size_begins_another_video(tracks: Path, tmp_path: Path) -> None:
    source, output = tmp_path / "sizes.ts", tmp_path / "drawn.mp4"
    with source.open("wb") as joined:
        for width in (128, 160):
            write_video(part := tmp_path / f"{width}.ts", frames=10, width=width, height=96)
            joined.write(part.read_bytes())
    printed = draw(source, "--tracks", tracks, "--output", output)
    assert (
        "spotstream: after frame 10, frames are 160x96 instead of 128x96; a new video begins\n"
    ) in printed
    assert f"{output}, {tmp_path / 'drawn-2.mp4'}: 1 track, 20 boxes in 20 frames\n" in printed


def test_a_source_that_breaks_off_gives_status_3_and_its_frames(
    tracks: Path, tmp_path: Path
) -> None:
    source, output = tmp_path / "broken.mp4", tmp_path / "drawn.mp4"
    write_video(source, frames=40, noise=True)
    source.write_bytes(source.read_bytes()[: source.stat().st_size // 2])
    done = run(source, "--tracks", tracks, "--output", output)
    assert done.exit_code == 3
    broken = re.search(rf"spotstream: {source} breaks off after (\d+) of 40 frames\n", done.output)
    assert broken
    assert frames_in(output) == int(broken[1]) - 1  # the packet of the last one is not whole
    assert "another video" not in done.output
