"""Scores of third-party trackers on our detections, by our scoring."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from stages.detector.detection_file import DetectionFile
from stages.detector.sequence_files import find_files
from stages.result_files import DETECTIONS
from tools.annotations.ground_truth import GroundTruth
from tools.annotations.trajectories import Trajectories
from tools.bench.peers import PEERS, Peer, frames_of, peer_python, run_peer
from tools.evaluation.sequence import score_tracks, track
from tools.evaluation.tracker_choice import TrackerChoice
from tools.evaluation.tracking import total


@dataclass(frozen=True, slots=True)
class TunedPeer:
    """A peer with the best of the settings tried on the eight UAVDT sequences.

    Attributes:
        peer: The tracker and its settings.
        least_score: Minimum score of the detections it gets.
    """

    peer: Peer
    least_score: float


_BY_NAME = {peer.name: peer for peer in PEERS}
_BEST: Mapping[str, tuple[float, Mapping[str, object]]] = {
    "norfair": (0.3, {"hit_counter_max": 30, "initialization_delay": 3}),
    "roboflow_sort": (0.3, {}),
    "roboflow_bytetrack": (
        0.1,
        {"high_conf_det_threshold": 0.4, "track_activation_threshold": 0.5},
    ),
    "supervision_bytetrack": (0.1, {"track_activation_threshold": 0.3}),
    "boxmot_bytetrack": (0.1, {"track_thresh": 0.3}),
    "boxmot_ocsort": (0.3, {}),
    "boxmot_botsort": (
        0.05,
        {"track_high_thresh": 0.4, "new_track_thresh": 0.5, "track_low_thresh": 0.05},
    ),
}


def tuned_peers(reference: Peer | None = None) -> list[TunedPeer]:
    """Returns all peers, including the reference SORT if given."""
    tuned = [
        TunedPeer(replace(_BY_NAME[name], settings=settings), score)
        for name, (score, settings) in _BEST.items()
    ]
    if reference is not None:
        settings = {**reference.settings, "max_age": 30}
        tuned.insert(0, TunedPeer(replace(reference, settings=settings), 0.3))
    return tuned


def score_trackers(
    truths: Sequence[GroundTruth],
    detections: Path,
    trackers: Sequence[TrackerChoice],
    peers: Sequence[TunedPeer],
    environments: Path,
    *,
    iou_threshold: float,
    progress: Callable[[str], None] = lambda what: None,
) -> dict[str, Mapping[str, float]]:
    """Scores our trackers and theirs over all sequences combined.

    Args:
        truths: Ground truth of the sequences.
        detections: Folder of their detection files.
        trackers: Our trackers.
        peers: Third-party trackers.
        environments: Folder of their environments, which are created if missing.
        iou_threshold: Minimum IoU of a match for CLEAR and IDF1.
        progress: Called with the name of the current tracker.

    Returns:
        The scores of each by its label.

    Raises:
        ConfigError: A detection file is missing or malformed.
        SpotStreamError: A peer cannot be installed or fails.
    """
    found = find_files(detections, [truth.name for truth in truths], DETECTIONS)
    files = [
        DetectionFile.read(found[truth.name], frame_count=truth.frame_count) for truth in truths
    ]

    def scores(tracks: Sequence[Trajectories]) -> Mapping[str, float]:
        return total(
            score_tracks(truth, each, iou_threshold)
            for truth, each in zip(truths, tracks, strict=True)
        ).scores

    result = {}
    for tuned in peers:
        python = peer_python(environments, tuned.peer.environment, progress)
        progress(tuned.peer.name)
        result[tuned.peer.name] = scores(
            [run_peer(tuned.peer, python, frames_of(file, tuned.least_score))[1] for file in files]
        )
    for choice in trackers:
        progress(choice.label)
        result[choice.label] = scores(
            [
                track(file, choice, truth.frame_count)
                for file, truth in zip(files, truths, strict=True)
            ]
        )
    return result
