"""Speed of the trackers alone, on one thread, compared with third-party ones."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeAlias

import numpy as np

from stages.detector.detection_file import DetectionFile
from stages.detector.sequence_files import sequence_files
from stages.errors import ConfigError
from stages.records import Float64Array, Int64Array
from tools.bench.figures import MILLISECONDS, BenchReport, Ratio, measure_rounds
from tools.bench.peers import Frames, Peer, frames_of, peer_python, run_peer
from trackers import TRACKERS, build_tracker

WARM_UP = 20  # frames of a rendered crowd that are not counted
CROWD_FRAMES = 80

TRACKS = "tracks/frame"

Timed: TypeAlias = Callable[[Frames], tuple[Float64Array, Int64Array]]
"""Tracks a sequence; returns the seconds ``(F,)`` and number of tracks ``(F,)`` of each frame."""


def crowd(count: int) -> Frames:
    """Returns ``count`` objects that drift through 3840 × 2160, all detected in every frame."""
    rng = np.random.default_rng(0)
    positions = rng.uniform(0, 1, (count, 2)) * [3840, 2160]
    speeds = rng.normal(0, 3, (count, 2))
    sizes = rng.uniform(20, 60, (count, 2))
    scores = np.full(count, 0.9)
    result = []
    for _ in range(CROWD_FRAMES):
        positions = positions + speeds
        centers = positions + rng.normal(0, 1, (count, 2))
        halves = sizes * (1 + rng.normal(0, 0.02, (count, 2))) / 2
        result.append((np.concatenate((centers - halves, centers + halves), axis=1), scores))
    return result


def read_loads(folder: Path | None, objects: Sequence[int]) -> dict[str, list[Frames]]:
    """Returns crowds of ``objects`` and, if given, the detection files of ``folder`` as one load.

    Raises:
        ConfigError: ``folder`` is not a folder or holds no such file, or a file is malformed.
    """
    loads: dict[str, list[Frames]] = {}
    if folder is not None:
        if not folder.is_dir():
            raise ConfigError(f"--detections needs a folder of detection files, got {folder}")
        files = [DetectionFile.read(file) for file in sequence_files(folder).values()]
        loads[folder.resolve().name] = [frames_of(file) for file in files]
    for count in objects:
        loads[f"{count} objects"] = [crowd(count)]
    return loads


def bench_track(
    folder: Path | None,
    peers: Sequence[Peer] = (),
    environments: Path | None = None,
    rounds: int = 5,
    progress: Callable[[str], None] = lambda what: None,
    *,
    objects: Sequence[int],
) -> BenchReport:
    """Measures all our trackers and ``peers`` on one load after another.

    The unit of a figure is ``ms/frame, LOAD`` or ``tracks/frame, LOAD``. Each peer is compared with
    our tracker of its kind at default settings. As thresholds differ, so does the work done.

    Args:
        folder: Folder of detection files to track in addition to the crowds.
        peers: Third-party trackers.
        environments: Folder of the peers' environments, which are created if missing.
        rounds: Number of rounds, each measuring all in turn.
        progress: Called with what is being measured.
        objects: Sizes of the crowds.

    Raises:
        ConfigError: There is no detection file, or one is malformed.
        SpotStreamError: A peer cannot be installed or fails.
    """
    loads = read_loads(folder, objects)
    trackers: dict[str, Timed] = {name: partial(_track, name) for name in TRACKERS}
    for peer in peers:
        assert environments is not None
        python = peer_python(environments, peer.environment, progress)
        trackers[peer.name] = partial(_track_by_peer, peer, python)
    found: dict[tuple[str, str], list[float]] = {}
    for load, sequences in loads.items():
        runners = {
            name: partial(_speed, track, load, sequences) for name, track in trackers.items()
        }
        found |= measure_rounds(f"track {load}", runners, rounds=rounds, progress=progress)
    ratios = [
        Ratio(peer.name, peer.kind, f"{MILLISECONDS}, {load}") for load in loads for peer in peers
    ]
    return BenchReport.of("track", found, ratios)


def _speed(track: Timed, load: str, sequences: Sequence[Frames]) -> dict[str, float]:
    """Returns mean milliseconds and tracks per frame; for crowds, without the warm-up frames."""
    skipped = WARM_UP if load.endswith(" objects") else 0
    seconds, tracks = zip(*(track(frames) for frames in sequences), strict=True)
    return {
        f"{MILLISECONDS}, {load}": _mean(seconds, skipped) * 1e3,
        f"{TRACKS}, {load}": _mean(tracks, skipped),
    }


def _mean(sequences: Sequence[Float64Array | Int64Array], skipped: int) -> float:
    return float(np.concatenate([values[skipped:] for values in sequences]).mean())


def _track(name: str, frames: Frames) -> tuple[Float64Array, Int64Array]:
    tracker = build_tracker(name)
    seconds, tracks = [], []
    for boxes, scores in frames:
        start = time.perf_counter()
        tracked = tracker.update(boxes, scores)
        seconds.append(time.perf_counter() - start)
        tracks.append(len(tracked.ids))
    return np.array(seconds), np.array(tracks)


def _track_by_peer(peer: Peer, python: Path, frames: Frames) -> tuple[Float64Array, Int64Array]:
    seconds, tracks = run_peer(peer, python, frames)
    return seconds, np.bincount(tracks.frames, minlength=len(frames))
