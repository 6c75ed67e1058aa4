"""Scores of third-party trackers on our detections, with our scoring."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tools.annotations.ground_truth import GroundTruth
from tools.annotations.trajectories import Trajectories
from tools.bench.peers import Peer, frames_of, peer_python, run_peer
from tools.evaluation.sequence import read_detections, score_tracks, track
from tools.evaluation.tracking import total
from tools.tracking.tracker_choice import TrackerChoice


def score_trackers(
    truths: Sequence[GroundTruth],
    detections: Path,
    trackers: Sequence[TrackerChoice],
    peers: Sequence[Peer],
    environments: Path,
    *,
    iou_threshold: float,
    progress: Callable[[str], None] = lambda what: None,
) -> dict[str, Mapping[str, float]]:
    """Scores our trackers and the peers over all sequences combined.

    Args:
        truths: Ground truth of the sequences.
        detections: Folder of the sequences' detection files.
        trackers: Our trackers.
        peers: Third-party trackers.
        environments: Folder of the peers' environments, which are created if missing.
        iou_threshold: Minimum IoU of a match for CLEAR and IDF1.
        progress: Called with the name of the current tracker.

    Returns:
        The scores of each tracker by its label.

    Raises:
        ConfigError: A detection file is missing or malformed.
        SpotStreamError: A peer cannot be installed or fails.
    """
    files = read_detections(detections, truths)

    def scores(tracks: Sequence[Trajectories]) -> Mapping[str, float]:
        return total(
            score_tracks(truth, each, iou_threshold)
            for truth, each in zip(truths, tracks, strict=True)
        ).scores

    result = {}
    for peer in peers:
        python = peer_python(environments, peer.environment, progress)
        progress(peer.name)
        result[peer.name] = scores([run_peer(peer, python, frames_of(file))[1] for file in files])
    for choice in trackers:
        progress(choice.label)
        result[choice.label] = scores(
            [
                track(file, choice, truth.frame_count)
                for file, truth in zip(files, truths, strict=True)
            ]
        )
    return result
