"""The moments of a sequence with the most errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stages.records import Float64Array, Int64Array
from tools.annotations.trajectories import Trajectories
from tools.evaluation.benchmark import EntryScore
from tools.evaluation.sequence import SequenceScore

WINDOW = 25  # frames, about a second


@dataclass(frozen=True, slots=True)
class Moment:
    """A window of `WINDOW` frames in a sequence.

    Attributes:
        entry: Name of the scored entry.
        sequence: Name of the sequence.
        first: 0-based first frame.
        last: 0-based last frame.
        worst: 0-based frame with the most errors.
        false_positives: Number in all of its frames.
        false_negatives: Number in all of its frames.
        id_switches: Number in all of its frames.
    """

    entry: str
    sequence: str
    first: int
    last: int
    worst: int
    false_positives: int
    false_negatives: int
    id_switches: int

    @property
    def errors(self) -> int:
        """Total number of errors."""
        return self.false_positives + self.false_negatives + self.id_switches


def worst_moments(score: EntryScore, most: int) -> list[Moment]:
    """Returns up to ``most`` windows with the most errors, non-overlapping in each sequence."""
    moments = []
    for name, sequence in score.sequences.items():
        if sequence.errors is not None:
            moments += _windows(score.entry.name, name, sequence.errors)
    moments.sort(key=lambda moment: (-moment.errors, moment.sequence, moment.first))
    return [moment for moment in moments[:most] if moment.errors]


def _windows(entry: str, sequence: str, errors: Int64Array) -> list[Moment]:
    """Returns a moment for each window of a sequence; ``errors`` as in `SequenceScore`."""
    moments = []
    for first in range(0, len(errors), WINDOW):
        window = errors[first : first + WINDOW]
        worst = first + int(window.sum(axis=1).argmax())
        moments.append(
            Moment(
                entry, sequence, first, first + len(window) - 1, worst, *window.sum(axis=0).tolist()
            )
        )
    return moments


def boxes_by_outcome(
    truth: Trajectories, score: SequenceScore, frame: int
) -> dict[str, Float64Array]:
    """Returns the boxes of a 0-based frame, ``(N, 4)`` ltrb, by outcome of the comparison.

    They are ground truth that is ``matched``, ``missed`` or ``switched`` (matched under a new id),
    and ``false`` results.
    """
    tracks, matches = score.tracks, score.matches
    assert tracks is not None
    assert matches is not None
    here = matches.frames == frame
    true_rows = np.flatnonzero(truth.frames == frame)
    result_rows = np.flatnonzero(tracks.frames == frame)
    true_tracks = np.unique(truth.ids, return_inverse=True)[1][true_rows]
    result_tracks = np.unique(tracks.ids, return_inverse=True)[1][result_rows]
    matched = np.isin(true_tracks, matches.truth[here])
    switched = np.isin(true_tracks, matches.truth[here & matches.switched])
    explained = np.isin(result_tracks, matches.result[here])
    true_boxes = truth.boxes[true_rows]
    return {
        "matched": true_boxes[matched & ~switched],
        "missed": true_boxes[~matched],
        "false": tracks.boxes[result_rows][~explained],
        "switched": true_boxes[switched],
    }
