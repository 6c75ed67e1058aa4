"""``spotstream bench all``: each bench in a short form."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pipeline.config_file import load_config
from stages.decoder.locations import DEMO
from tools.bench.decode import bench_decode
from tools.bench.figures import BenchReport
from tools.bench.peers import PEERS
from tools.bench.pipeline import bench_pipeline
from tools.bench.sink import bench_sink
from tools.bench.track import bench_track
from tools.bench.transport import bench_transport

FRAMES = 24
CROWD = 100  # objects; some peers take minutes for thousands


def bench_all(
    peers: Path | None = None,
    *,
    source: str = DEMO,
    frames: int = FRAMES,
    rounds: int = 3,
    progress: Callable[[str], None] = lambda what: None,
) -> list[BenchReport]:
    """Runs every bench, which takes minutes, and as long again to create the peers' environments.

    Args:
        peers: Folder of the peers' environments; None leaves the peers out.
        source: Source of the pipeline.
        frames: Approximate number of frames; cheaper benches use more.
        rounds: Number of rounds, each measuring all in turn.
        progress: Called with what is being measured.

    Raises:
        SpotStreamError: A bench failed.
    """
    shown = Path(source) if Path(source).is_file() else None
    return [
        bench_transport(peers, frames=2 * frames, rounds=rounds, warm_up=0, progress=progress),
        bench_decode(shown, peers, frames=2 * frames, rounds=rounds, progress=progress),
        _detect_report(frames, rounds, progress),
        bench_track(None, PEERS if peers else (), peers, rounds, progress, objects=(CROWD,)),
        bench_sink(frames=2 * frames, rounds=rounds, progress=progress),
        bench_pipeline(
            source, load_config(None, [f"decoder.last_frame={frames}"]), rounds, progress
        ),
    ]


def _detect_report(frames: int, rounds: int, progress: Callable[[str], None]) -> BenchReport:
    """Compares the engines of the detector with PyTorch's."""
    from tools.bench.detect import bench_detect, make_detectors, rendered_frames

    progress("detect")
    rendered = rendered_frames(min(frames, 4))
    return bench_detect(make_detectors(None), rendered, rounds, progress)
