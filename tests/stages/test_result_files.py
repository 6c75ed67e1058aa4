from __future__ import annotations

from pathlib import Path

import pytest

from stages.result_files import (
    StreamStatus,
    files_of,
    frame_size,
    frame_sizes,
    is_complete,
    is_of_run,
    numbered,
    status,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"status": "complete"}', StreamStatus.COMPLETE),
        ('{"status": "truncated"}', StreamStatus.TRUNCATED),
        ('{"status": "incomplete"}', StreamStatus.INCOMPLETE),
        ('{"status": "splendid"}', None),
        ('{"status": ["complete"]}', None),
        ("{}", None),
        ("[]", None),
        ("{", None),
        (None, None),
    ],
)
def test_the_status_is_read_from_the_report(
    tmp_path: Path, text: str | None, expected: StreamStatus | None
) -> None:
    if text is not None:
        (tmp_path / "run.json").write_text(text)
    assert status(tmp_path) is expected
    assert is_complete(tmp_path) is (expected is StreamStatus.COMPLETE)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"frame_size": [640, 360]}', (640, 360)),
        ('{"frame_size": null}', None),
        ('{"frame_size": [640]}', None),
        ('{"frame_size": [0, 0]}', None),
        ("{}", None),
        ("x", None),
        (None, None),
    ],
)
def test_the_size_of_the_frames_is_read_from_the_report(
    tmp_path: Path, text: str | None, expected: tuple[int, int] | None
) -> None:
    if text is not None:
        (tmp_path / "run.json").write_text(text)
    assert frame_size(tmp_path) == expected
    assert frame_sizes(tmp_path) == ((expected,) if expected else ())


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ("[[640, 360], [480, 270]]", ((640, 360), (480, 270))),
        ("[[640, 360]]", ((640, 360),)),  # no frame of the latest size came
        ("[]", ((480, 270),)),
        ("[[0, 0], 7]", ()),
    ],
)
def test_all_sizes_of_the_frames_are_read_from_the_report(
    tmp_path: Path, stated: str, expected: tuple[tuple[int, int], ...]
) -> None:
    text = f'{{"frame_size": [480, 270], "frame_sizes": {stated}}}'
    (tmp_path / "run.json").write_text(text)
    assert frame_sizes(tmp_path) == expected


def test_numbered_files_of_a_result_are_found_in_order(tmp_path: Path) -> None:
    names = [numbered("mot.txt", number) for number in (1, 2, 10)]
    assert names == ["mot.txt", "mot-2.txt", "mot-10.txt"]
    for name in (*names, "mot-old.txt", "mot-0.txt", ".mot-11.txt.part", "mot.txt.gz", "motxtxt"):
        (tmp_path / name).write_text("")
    assert [path.name for path in files_of(tmp_path, "mot.txt")] == names


@pytest.mark.parametrize(
    ("name", "is_one"),
    [("mot.txt", True), ("overlay-2.mp4", True), ("run.json", True), ("scores.json", False)],
)
def test_result_files_next_to_a_report_belong_to_a_run(
    tmp_path: Path, name: str, is_one: bool
) -> None:
    assert not is_of_run(tmp_path / name)
    (tmp_path / "run.json").write_text("{}")
    assert is_of_run(tmp_path / name) is is_one
