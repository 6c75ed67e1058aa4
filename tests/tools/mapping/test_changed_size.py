"""Maps and drawings of a run of a recording whose frames change in size."""

from pathlib import Path

from typer.testing import CliRunner

from stages.errors import ConfigError
from stages.result_files import read_report
from tests.stages.decoder.conftest import write_video
from tests.tools.invoking import output_of
from tests.tools.processes import spotstream
from tools.main import app


def test_the_stream_gets_no_map_and_is_drawn_without_a_warning(tmp_path: Path) -> None:
    north, east, results = tmp_path / "north.ts", tmp_path / "east.ts", tmp_path / "results"
    with north.open("wb") as joined:
        for width in (128, 160):
            write_video(part := tmp_path / f"{width}.ts", frames=10, width=width, height=96)
            joined.write(part.read_bytes())
    write_video(east, frames=10, width=128, height=96)
    detections = tmp_path / "detections"
    detections.mkdir()
    for source, frames in ((north, 20), (east, 10)):
        rows = (f"{number},-1,{2 * number},40,30,20,0.9\n" for number in range(1, frames + 1))
        (detections / f"{source.stem}.txt").write_text("".join(rows))
    ran = spotstream(
        *("run", north, east, "--output", results, "--set", f"detector.detections={detections}"),
        *("--set", "sink.overlay=false"),
    )
    assert ran.returncode == 0, ran.stderr
    report = read_report(results / "north")
    assert (report["frame_size"], report["frame_sizes"]) == ([160, 96], [[128, 96], [160, 96]])

    maps = tmp_path / "maps"
    refused = CliRunner().invoke(app, ["maps", str(results), "--output", str(maps)])
    assert isinstance(refused.exception, ConfigError)
    assert str(refused.exception) == (
        f"no map of north: its frames in {results / 'north'} change in size (128x96, 160x96), and "
        f"so do the pixels of its tracks"
    )
    assert {path.name for path in maps.iterdir()} == {"east-flow.jpg", "east-heat.jpg"}

    printed = output_of("draw", north, "--tracks", results, "--output", tmp_path / "drawn.mp4")
    assert "frames are 160x96 instead of 128x96" in printed
    assert "the tracks are of frames" not in printed
