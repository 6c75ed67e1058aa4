"""Boxes with identities over a sequence, for ground truth and results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from stages.records import BoolArray, Float64Array, Int64Array


@dataclass(frozen=True, slots=True, eq=False)
class Trajectories:
    """All boxes of a sequence, sorted by frame.

    Attributes:
        frames: ``(N,)`` int64, 0-based, ascending.
        ids: ``(N,)`` int64, unique within a frame.
        boxes: ``(N, 4)`` float64 ``(left, top, right, bottom)`` in pixels.

    Raises:
        ValueError: The frames do not ascend.
    """

    frames: Int64Array
    ids: Int64Array
    boxes: Float64Array

    def __post_init__(self) -> None:
        if (np.diff(self.frames) < 0).any():
            raise ValueError("frames must ascend; Trajectories.from_arrays sorts them")

    @classmethod
    def from_arrays(
        cls, frames: npt.ArrayLike, ids: npt.ArrayLike, boxes: npt.ArrayLike
    ) -> Trajectories:
        """Sorts by frame, then id.

        Args:
            frames: ``(N,)`` 0-based frames.
            ids: ``(N,)`` ids, each at most once in a frame.
            boxes: ``(N, 4)`` ltrb in pixels.

        Raises:
            ValueError: Shapes are wrong, a number is not finite, a frame is negative, a frame or an
                id is not a whole number, or an id occurs twice in a frame.
        """
        frame_array = _whole_numbers("frames", frames)
        id_array = _whole_numbers("ids", ids)
        box_array = _box_array(boxes)
        count = len(box_array)
        if frame_array.shape != (count,) or id_array.shape != (count,):
            raise ValueError(
                f"frames and ids must have one entry for each of {count} boxes, got shapes "
                f"{frame_array.shape} and {id_array.shape}"
            )
        if not np.isfinite(box_array).all():
            raise ValueError("boxes must be finite")
        if (frame_array < 0).any():
            raise ValueError(f"frames must not be negative, got {frame_array.min()}")
        order = np.lexsort((id_array, frame_array))
        result = cls(frame_array[order], id_array[order], box_array[order])
        twice = (np.diff(result.frames) == 0) & (np.diff(result.ids) == 0)
        if twice.any():
            row = int(twice.argmax())
            raise ValueError(f"id {result.ids[row]} occurs twice in frame {result.frames[row] + 1}")
        return result

    @classmethod
    def from_frames(
        cls, boxes: Sequence[npt.ArrayLike], ids: Sequence[npt.ArrayLike]
    ) -> Trajectories:
        """Builds trajectories from arrays of boxes ``(N, 4)`` and ids ``(N,)`` for each frame.

        Raises:
            ValueError: As for `from_arrays`.
        """
        box_arrays = [_box_array(frame) for frame in boxes]
        id_arrays = [_whole_numbers("ids", frame) for frame in ids]
        counts = [len(frame) for frame in box_arrays]
        if counts != [frame.size for frame in id_arrays]:
            raise ValueError("each frame must have one id for each of its boxes")
        return cls.from_arrays(
            np.repeat(np.arange(len(counts)), counts),
            np.concatenate([np.empty(0, np.int64), *id_arrays]),
            np.concatenate([np.empty((0, 4)), *box_arrays]),
        )

    @property
    def frame_count(self) -> int:
        """1-based number of the last frame with a box; 0 if there is none."""
        return int(self.frames[-1]) + 1 if len(self.frames) else 0

    def where(self, mask: BoolArray) -> Trajectories:
        """Returns the boxes for which ``mask`` ``(N,)`` is True."""
        return Trajectories(self.frames[mask], self.ids[mask], self.boxes[mask])

    def __len__(self) -> int:
        return len(self.frames)


def rows_by_frame(frames: Int64Array, count: int) -> list[slice]:
    """Returns the rows of each frame below ``count``, given the ascending frame of every row."""
    bounds = np.searchsorted(frames, np.arange(count + 1)).tolist()
    return [slice(first, end) for first, end in pairwise(bounds)]


def rows_of(frames: Int64Array) -> dict[int, Int64Array]:
    """Returns the rows of each frame that has rows, in order, given the frame of every row."""
    order = np.argsort(frames, kind="stable")
    numbers, starts = np.unique(frames[order], return_index=True)
    return dict(zip(numbers.tolist(), np.split(order, starts)[1:], strict=True))


def _whole_numbers(name: str, values: npt.ArrayLike) -> Int64Array:
    """Returns ``values`` as int64; int64 values stay exact."""
    given = np.asarray(values)
    try:
        with np.errstate(invalid="ignore"):
            array = given.astype(np.int64)
    except (TypeError, OverflowError) as error:
        raise ValueError(f"{name} must be whole numbers: {error}") from error
    if not np.array_equal(array, given):
        wrong = given[array != given][0]
        raise ValueError(f"{name} must be whole numbers, got {wrong}")
    return array


def _box_array(boxes: npt.ArrayLike) -> Float64Array:
    """Returns ``boxes`` as float64; ``[]`` means no boxes."""
    array = np.asarray(boxes, np.float64)
    if array.shape == (0,):
        return array.reshape(0, 4)
    if array.ndim != 2 or array.shape[1] != 4:
        raise ValueError(f"boxes must have shape (N, 4), got {array.shape}")
    return array
