from __future__ import annotations

import sys
from pathlib import Path

import pytest

from stages.errors import OutputError, SourceError, SpotStreamError
from tests.limits import limited_files
from tools.bench import decode
from tools.bench.decode import (
    BARE,
    OPENCV,
    OURS,
    PROGRAM,
    SAME_THREADS,
    bench_decode,
    moving_video,
)
from tools.bench.figures import CPU, RATE

FFMPEG = """#!/bin/sh
echo "$*" >> "$0.called"
echo 'frame=   10 fps=0.0 q=-0.0 size=N/A' >&2
echo 'bench: utime=0.200s stime=0.050s rtime=0.100s' >&2
"""


def test_every_decoder_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "ffmpeg"
    program.write_text(FFMPEG)
    program.chmod(0o755)
    monkeypatch.setattr(decode.shutil, "which", lambda name: str(program))
    report = bench_decode(frames=10, rounds=1, warm_up=0, height=48, width=64)
    values = {(figure.name, figure.unit): figure.median for figure in report.figures}
    assert set(values) == {
        (name, unit) for name in (OURS, BARE, OPENCV, PROGRAM, SAME_THREADS) for unit in (RATE, CPU)
    }
    assert values[PROGRAM, RATE] == pytest.approx(100)
    assert values[PROGRAM, CPU] == pytest.approx(25)
    ratios = {(asked.name, asked.to) for asked, _ in report.ratios}
    assert ratios >= {(OURS, PROGRAM), (OURS, SAME_THREADS), (OURS, BARE)}
    with_threads = [
        " -threads " in line for line in Path(f"{program}.called").read_text().splitlines()
    ]
    assert with_threads == [False, True]


def test_every_decoder_sees_all_frames(tmp_path: Path) -> None:
    video = moving_video(tmp_path, 12, 48, 64)
    assert [count(video) for count in (decode._into_ring, decode._bare, decode._opencv)] == [12] * 3


def test_opencv_is_left_out_if_it_cannot_decode_the_video(av1_video: Path) -> None:
    report = bench_decode(av1_video, rounds=1, warm_up=0)
    assert {OURS, BARE} <= {figure.name for figure in report.figures}
    assert OPENCV not in {figure.name for figure in report.figures}


@pytest.mark.parametrize("size", [0, 500])
def test_video_exceeding_the_file_size_limit_is_an_error(tmp_path: Path, size: int) -> None:
    message = r"cannot write .*moving\.mp4: file too large"
    with pytest.raises(OutputError, match=message), limited_files(size):
        moving_video(tmp_path, 12, 48, 64)


def test_source_without_frames_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    with pytest.raises(SourceError):
        bench_decode(tmp_path / "empty.mp4", rounds=1, warm_up=0)


def test_non_video_source_is_reported_in_our_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decode, "_program", lambda peers: "false")
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(SourceError, match=r"cannot open \S+text\.mp4 as .*it is a text file"):
        bench_decode(tmp_path / "text.mp4", rounds=1, warm_up=1)


def test_environment_without_its_program_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decode.shutil, "which", lambda name: None)
    monkeypatch.setattr(decode, "peer_python", lambda *_: sys.executable)
    monkeypatch.setattr(decode, "_FIND_FFMPEG", "import no_such_module")
    with pytest.raises(SpotStreamError, match="no_such_module'; remove its folder in --peers"):
        bench_decode(frames=2, rounds=1, height=48, width=64, peers=tmp_path)


def test_failed_program_reports_its_reason(tmp_path: Path) -> None:
    program = tmp_path / "ffmpeg"
    output = "a.mp4: Invalid data\\nbench: maxrss=1kB"
    program.write_text(f"#!/bin/sh\nprintf '{output}' >&2\nexit 1\n")
    program.chmod(0o755)
    with pytest.raises(SpotStreamError, match=r"ffmpeg failed: a\.mp4: Invalid data$"):
        decode._ffmpeg(str(program), tmp_path / "a.mp4")
