from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from stages.atomic import part_path
from stages.errors import OutputError
from stages.sink.folder_contents import JOURNAL, has_results, remove_parts
from stages.sink.options import SinkOptions
from stages.sink.stream_results import StreamResults
from tests.stages.sink.conftest import make_header, make_start, names_in
from tests.stages.sink.stream import TEXT, TEXTS, end, feed, run


def test_full_disk_leaves_only_part_files(full_disk: Path) -> None:
    results = StreamResults(full_disk / "cam", TEXT)
    results.start(make_start())
    with pytest.raises(OutputError, match="no space left on device; free some space"):
        feed(results, map(make_header, range(2000)))
    with pytest.raises(OutputError):
        results.finish(end(2000), {})
    assert names_in(full_disk) == {f"cam/.{name}.part" for name in TEXTS}
    results.abort()
    assert names_in(full_disk) == set()


def test_full_disk_in_finish_keeps_the_previous_results(full_disk: Path) -> None:
    folder = full_disk / "cam"
    run(folder, frames=3, options=TEXT)
    before = {name: (folder / name).read_bytes() for name in names_in(folder)}
    results = StreamResults(folder, SinkOptions(overlay=False, toolkit_files=True))
    results.start(make_start())
    feed(results, [make_header(0), make_header(8_000)])  # matrices of 8001 rows do not fit
    with pytest.raises(OutputError, match=r"cam_\w+\.txt: no space left"):
        results.finish(end(2), {})
    results.abort()
    assert {name: (folder / name).read_bytes() for name in names_in(folder)} == before


def test_failure_to_complete_the_overlay_keeps_the_previous_results(tmp_path: Path) -> None:
    folder = tmp_path / "cam"
    run(folder, frames=3)
    before = {name: (folder / name).read_bytes() for name in names_in(folder)}
    results = StreamResults(folder)
    results.start(make_start())
    feed(results, map(make_header, range(5)))
    (folder / ".overlay.mp4.part").mkdir()  # a folder, so the video cannot be written
    with pytest.raises(OutputError, match=r"overlay\.mp4"):
        results.finish(end(5), {})
    assert {name: (folder / name).read_bytes() for name in before} == before


def test_late_failure_leaves_only_the_part_files_of_the_stream(tmp_path: Path) -> None:
    results = StreamResults(tmp_path / "cam", SinkOptions(overlay=False, toolkit_files=True))
    results.start(make_start(layout="detrac"))
    feed(results, map(make_header, range(3)))
    with pytest.raises(ValueError, match="JSON"):
        results.finish(end(3), {"threshold": float("nan")})
    assert names_in(tmp_path) == {f"cam/.{name}.part" for name in TEXTS}
    results.abort()
    assert names_in(tmp_path) == set()


def test_killed_sink_leaves_only_part_files(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys\nfrom pathlib import Path\n"
        "from stages.sink.options import SinkOptions\n"
        "from stages.sink.stream_results import StreamResults\n"
        "from tests.stages.sink.conftest import make_header, make_start\n"
        "from tests.stages.sink.stream import feed\n"
        "results = StreamResults(Path(sys.argv[1]), SinkOptions())\n"
        "results.start(make_start())\n"
        "feed(results, map(make_header, range(60)))\n"
        "results.overlays.wait_until_kept(10)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    folder = tmp_path / "cam"
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", program, str(folder)], cwd=root, check=False)
    assert done.returncode == -signal.SIGKILL
    names = names_in(folder)
    assert {f".{name}.part" for name in TEXTS} <= names
    assert all(name.endswith(".part") for name in names)
    assert not has_results(folder)
    remove_parts(folder)  # as the next run does
    assert names_in(folder) == set()


def test_all_files_are_synced_before_the_first_is_renamed(
    tmp_path: Path, synced: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    at_rename: list[int] = []
    replace = Path.replace

    def record_replace(path: Path, target: Path) -> Path:
        at_rename.append(len(synced))
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", record_replace)
    journal = tmp_path / "cam" / JOURNAL  # from which a later process resumes
    journal.parent.mkdir()
    journal.touch()
    run(tmp_path / "cam", options=SinkOptions(toolkit_files=True), layout="detrac")
    assert journal in synced[: at_rename[0]]
    files = names_in(tmp_path) - {f"cam/{JOURNAL}"}
    assert len(files) == 5 + 5 + 6
    assert {part_path(tmp_path / name) for name in files} <= {*synced[: at_rename[0]]}


def test_previous_report_is_removed_before_files_are_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "cam"
    run(folder, options=TEXT)
    (folder / "mot.txt").unlink()
    (folder / "mot.txt").mkdir()  # a folder, so no file can take this name
    with pytest.raises(OutputError, match=r"mot\.txt"):
        run(folder, options=TEXT)
    assert not (folder / "run.json").exists()


KILLED_AT_EACH_RENAME = """
import itertools, os, signal, sys
from pathlib import Path
from stages.sink.options import SinkOptions
from stages.sink.stream_results import StreamResults
from tests.stages.sink.conftest import make_header, make_start
from tests.stages.sink.stream import end, feed

def run(folder, fatal):
    rename, renames = Path.replace, itertools.count()
    def replace(path, target):
        if next(renames) == fatal:
            os.kill(os.getpid(), signal.SIGKILL)
        return rename(path, target)
    Path.replace = replace
    results = StreamResults(folder, SinkOptions(overlay_minutes=0.2 / 60, toolkit_files=True))
    results.start(make_start(layout="mot"))
    feed(results, map(make_header, range(8)))
    results.finish(end(8), {})

for fatal in itertools.count():
    child = os.fork()
    if not child:
        run(Path(sys.argv[1]) / str(fatal) / "cam", fatal)
        os._exit(0)
    if os.waitpid(child, 0)[1] == 0:
        break
"""


def test_sink_killed_at_any_rename_leaves_only_complete_files(
    tmp_path: Path,
) -> None:
    program = [sys.executable, "-c", KILLED_AT_EACH_RENAME, str(tmp_path)]
    subprocess.run(program, cwd=Path(__file__).parents[3], check=True)
    folders = sorted(tmp_path.iterdir(), key=lambda folder: int(folder.name))
    whole = folders.pop()
    expected = {name: (whole / name).stat().st_size for name in names_in(whole)}
    assert len(folders) == len(expected) == 12
    for folder in folders:
        names = {name for name in names_in(folder) if not name.endswith(".part")}
        assert "cam/run.json" not in names  # it marks all others as complete
        for name in names - {"cam/cam_speed.txt"}:
            assert (folder / name).stat().st_size == expected[name]
    assert len(names) == len(expected) - 1
