"""Speed of the trackers alone, on one thread, beside other people's."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stages.detector.detection_file import DetectionFile
from stages.detector.file_detector import detection_files
from tools.bench.figures import MILLISECONDS, Comparison, Figure, Report, compare, three_rounds
from tools.bench.peers import Frames, Peer, frames_of, peer_python, run_peer
from trackers import TRACKERS, build_tracker

OBJECTS = (100, 300, 1000)
WARM_UP = 20  # frames of a rendered crowd that are not counted
CROWD_FRAMES = 80


@dataclass(frozen=True, slots=True)
class TrackerSpeed:
    """How fast a tracker was on one load.

    Attributes:
        name: Of the tracker.
        kind: Which of ours it is or is compared with.
        load: What it had to track.
        milliseconds: Per frame, median of the rounds.
        spread: Least and most of the rounds.
    """

    name: str
    kind: str
    load: str
    milliseconds: float
    spread: tuple[float, float]


def crowd(count: int, frames: int = CROWD_FRAMES, seed: int = 0) -> Frames:
    """``count`` objects that drift through a frame of 3840 × 2160, all seen in every frame."""
    rng = np.random.default_rng(seed)
    places = rng.uniform(0, 1, (count, 2)) * [3840, 2160]
    speeds = rng.normal(0, 3, (count, 2))
    sizes = rng.uniform(20, 60, (count, 2))
    scores = np.full(count, 0.9)
    result = []
    for _ in range(frames):
        places = places + speeds
        centers = places + rng.normal(0, 1, (count, 2))
        halves = sizes * (1 + rng.normal(0, 0.02, (count, 2))) / 2
        result.append((np.concatenate((centers - halves, centers + halves), axis=1), scores))
    return result


def read_loads(folder: Path | None, objects: Sequence[int] = OBJECTS) -> dict[str, list[Frames]]:
    """Crowds of ``objects`` and, where given, the detection files of ``folder`` as one load.

    Raises:
        ConfigError: A file is malformed.
    """
    loads: dict[str, list[Frames]] = {}
    if folder is not None:
        files = [DetectionFile.read(file) for file in detection_files(folder)]
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
    objects: Sequence[int] = OBJECTS,
) -> list[TrackerSpeed]:
    """Measures every tracker of ours and of ``peers``, in turn, round by round.

    Args:
        folder: Detection files to track beside the crowds.
        peers: Other people's trackers.
        environments: Folder of their environments, which are made where they are missing.
        rounds: How often each is measured.
        progress: Called with what is measured.
        objects: Sizes of the crowds.

    Raises:
        ConfigError: A detection file is malformed.
        SpotStreamError: A peer cannot be installed or fails.
    """
    loads = read_loads(folder, objects)
    pythons = {}
    for peer in peers:
        assert environments is not None
        progress(f"installing {peer.environment}")
        pythons[peer.environment] = peer_python(environments, peer.environment)
    measured: dict[tuple[str, str, str], list[float]] = {}
    for number in range(rounds):
        for load, sequences in loads.items():
            for name in TRACKERS:
                progress(f"round {number + 1}: {load}, {name}")
                seconds = [_track(name, frames) for frames in sequences]
                measured.setdefault((name, name, load), []).append(_per_frame(seconds, load))
            for peer in peers:
                progress(f"round {number + 1}: {load}, {peer.name}")
                python = pythons[peer.environment]
                seconds = [run_peer(peer, python, frames)[0] for frames in sequences]
                measured.setdefault((peer.name, peer.kind, load), []).append(
                    _per_frame(seconds, load)
                )
    return [
        TrackerSpeed(name, kind, load, float(np.median(times)), (min(times), max(times)))
        for (name, kind, load), times in measured.items()
    ]


def track_report(speeds: Sequence[TrackerSpeed]) -> Report:
    """Peers beside that of our trackers which they are compared with, load by load."""
    found: dict[tuple[str, str], tuple[float, ...]] = {}
    asked = []
    for speed in speeds:
        unit = f"{MILLISECONDS}, {speed.load}"
        found[speed.name, unit] = three_rounds(speed.milliseconds, speed.spread)
        if speed.name != speed.kind:
            asked.append(Comparison(speed.name, speed.kind, unit))
    figures = tuple(Figure(name, unit, rounds) for (name, unit), rounds in found.items())
    medians = {key: (statistics.median(rounds),) for key, rounds in found.items()}
    return Report("track", figures, compare(medians, asked))


def _track(name: str, frames: Frames) -> np.ndarray:
    tracker = build_tracker(name)
    seconds = []
    for boxes, scores in frames:
        start = time.perf_counter()
        tracker.update(boxes, scores)
        seconds.append(time.perf_counter() - start)
    return np.array(seconds)


def _per_frame(seconds: Sequence[np.ndarray], load: str) -> float:
    """Mean milliseconds; crowds without the frames in which trackers warm up."""
    skipped = WARM_UP if load.endswith(" objects") else 0
    return float(np.concatenate([each[skipped:] for each in seconds]).mean() * 1e3)
