"""Which detections are kept: by class, score and size."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from stages.errors import ConfigError
from stages.records import Float32Array
from trackers.boxes import shorter_sides

MIN_SIDE = 1.0  # pixels


def kept_classes(chosen: Sequence[str], class_names: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Returns which of a detector's classes are kept, by index.

    Args:
        chosen: ``detector.classes``: names of the classes to keep; none: all.
        class_names: Names of the detector's classes.

    Raises:
        ConfigError: The detector has no class of such a name.
    """
    if unknown := [name or "''" for name in chosen if name not in class_names]:
        raise ConfigError(
            f"detector.classes: the detector has no class {', '.join(unknown)}; it has "
            f"{', '.join(class_names)}"
        )
    return np.array([not chosen or name in chosen for name in class_names], np.bool_)


def kept(
    boxes: Float32Array,
    scores: Float32Array,
    classes: npt.NDArray[np.integer],
    min_score: float,
    of_class: npt.NDArray[np.bool_],
) -> npt.NDArray[np.bool_]:
    """Returns which detections of a frame are kept; ``of_class`` is by `kept_classes`."""
    return (scores >= min_score) & (shorter_sides(boxes) > MIN_SIDE) & of_class[classes]
