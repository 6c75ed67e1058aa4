"""The interface that all trackers share, and the checks of their input."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from trackers.boxes import BoolArray, FloatArray

Int64Array: TypeAlias = npt.NDArray[np.int64]

MAX_FLOAT32 = float(np.finfo(np.float32).max)  # results are float32
FARTHEST = 1e9  # pixels: a coordinate beyond is a mistake, and squaring it would lose precision
MIN_SIDE = 1e-3  # pixels: a box with a shorter side counts as having no area
CLASS_RANGE = np.iinfo(np.int16)
_STRONGEST_ZOOM = 100.0  # from one frame to the next
LONGEST_BREAK = 30  # unseen frames that tracks survive regardless of `max_age`


class TrackError(ValueError):
    """`Tracker._track` returned something that cannot be tracks."""


@dataclass(frozen=True, slots=True, eq=False)
class TrackedBoxes:
    """The tracks of one frame, in the order of their ids.

    Attributes:
        boxes: ``(M, 4)`` float32 ``(left, top, right, bottom)`` in pixels.
        scores: ``(M,)`` float32, score of the detection that updated each track.
        classes: ``(M,)`` int16, class of that detection; 0 if no classes were given.
        ids: ``(M,)`` int64, 1-based.
        detection_indices: ``(M,)`` int64, row of that detection in the arrays given to `update`.
    """

    boxes: npt.NDArray[np.float32]
    scores: npt.NDArray[np.float32]
    classes: npt.NDArray[np.int16]
    ids: Int64Array
    detection_indices: Int64Array

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True, eq=False)
class Observations:
    """The detections of one frame after `Tracker.update` has checked them.

    Attributes:
        boxes: ``(N, 4)`` float64 ``(left, top, right, bottom)``, all with an area.
        scores: ``(N,)`` float64.
        indices: ``(N,)`` int64, row of each in the arrays given to `update`.
        motion: ``(2, 3)`` float64 affine map from the pixels of the last processed frame to this
            one's; None if not given.
        frame_size: ``(2,)`` float64 width and height of the frame in pixels, None if not given.
    """

    boxes: FloatArray
    scores: FloatArray
    indices: Int64Array
    motion: FloatArray | None
    frame_size: FloatArray | None

    def __len__(self) -> int:
        return len(self.boxes)

    def where(self, mask: BoolArray) -> Observations:
        """Returns the detections where ``mask`` ``(N,)`` is True."""
        if np.count_nonzero(mask) == len(mask):
            return self
        return Observations(
            self.boxes[mask], self.scores[mask], self.indices[mask], self.motion, self.frame_size
        )


class Tracker(ABC):
    """Follows the boxes of one stream from frame to frame.

    All state lives in the instance. A subclass takes its settings as keyword arguments of its
    constructor, rejects invalid ones, and implements `_track`, `_coast` and `_forget`.

    Attributes:
        max_age: Consecutive frames without a detection that a track survives.
    """

    max_age: int

    def __init__(self) -> None:
        self._frame = 0  # number of the last processed frame since the start or a reset
        self._last_active = 0  # frame in which the last track ends, unless a detection comes first
        self._next_id = 1
        # Checks of values would take up to a fifth of the time of the trackers of this package.
        self._is_own = not type(self).__module__.startswith(f"{__package__}.")
        self._frame_size: tuple[Any, ...] | None = None  # from which `_size_array` was made
        self._size_array: FloatArray | None = None

    def update(
        self,
        boxes: npt.ArrayLike,
        scores: npt.ArrayLike,
        classes: npt.ArrayLike | None = None,
        motion: npt.ArrayLike | None = None,
        frame_size: npt.ArrayLike | None = None,
        unseen: int = 0,
    ) -> TrackedBoxes:
        """Takes the detections of the next frame and returns the tracks seen in it.

        Must be called once for each processed frame, in order, with empty arrays for a frame
        without detections: a call is one time step, plus one for each ``unseen`` frame.

        Args:
            boxes: ``(N, 4)`` ``(left, top, right, bottom)`` in pixels, at most 1e9. Boxes without
                an area (right <= left or bottom <= top) are ignored.
            scores: ``(N,)``.
            classes: ``(N,)`` whole numbers in the range of int16, passed through to the tracks;
                they do not affect matching.
            motion: ``(2, 3)`` affine map from the pixels of the last call's frame to this one's,
                None if the camera stands still or its motion is unknown.
            frame_size: ``(2,)`` width and height of the frame in pixels, None if unknown.
            unseen: Number of frames since the last call that were not processed, such as those that
                a slow detector skips. Tracks are advanced through them, and none counts as a miss;
                but after more than both ``max_age`` and `LONGEST_BREAK`, all tracks are forgotten.

        Returns:
            The tracks updated in this frame that are established enough to be reported.

        Raises:
            ValueError: A shape is wrong, or a box, score, class, motion, size or ``unseen`` is not
                finite, not whole where it must be, or out of its range; the tracker does not
                advance then.
            TrackError: `_track` returned something that it must not.
        """
        if unseen and (unseen < 0 or unseen % 1):  # NaN and infinity, modulo 1, are NaN
            raise ValueError(f"unseen must be a whole number of at least 0, got {unseen}")
        box_array = checked_numbers("boxes", boxes, (-1, 4), FARTHEST)
        count = len(box_array)
        score_array = checked_numbers("scores", scores, (count,))
        class_array = None if classes is None else checked_classes(classes, count)
        motion_array = None if motion is None else _checked_motion(motion)
        if not isinstance(frame_size, tuple) or frame_size != self._frame_size:
            self._size_array = None if frame_size is None else _checked_size(frame_size)
            self._frame_size = frame_size if isinstance(frame_size, tuple) else None

        observations = Observations(
            box_array, score_array, np.arange(count), motion_array, self._size_array
        )
        if count:
            is_side = box_array[:, 2:] - box_array[:, :2] > MIN_SIDE
            if np.count_nonzero(is_side) < 2 * count:
                observations = observations.where(is_side.all(axis=1))
        if unseen > max(self.max_age, LONGEST_BREAK):
            self.reset()
            unseen = 0
        self._frame += 1
        for _ in range(int(unseen)):
            self._coast()
        if len(observations):
            self._last_active = self._frame + self.max_age + 1
        tracked, ids, used = np.empty((0, 4)), np.empty(0, np.int64), np.empty(0, np.int64)
        if self._frame <= self._last_active:
            tracked, ids, used = _checked_tracks(self._track(observations))
            if self._is_own and len(ids):
                _check_values(tracked, ids, used, self._next_id, observations.indices)
        return TrackedBoxes(
            tracked.astype(np.float32),
            score_array[used].astype(np.float32),
            np.zeros(len(used), np.int16) if class_array is None else class_array[used],
            ids,
            used,
        )

    def reset(self) -> None:
        """Forgets all tracks, as at a cut; ids continue."""
        self._frame = self._last_active = 0
        self._forget()

    @property
    def next_id(self) -> int:
        """Id of the next new track; lower ids are taken."""
        return self._next_id

    def skip_ids(self, next_id: int) -> None:
        """Continues ids at ``next_id`` or later, after those that another instance assigned."""
        self._next_id = max(self._next_id, next_id)

    def _new_ids(self, count: int) -> Int64Array:
        """Returns ``count`` ids that this instance has not assigned yet."""
        first = self._next_id
        self._next_id += count
        return np.arange(first, self._next_id, dtype=np.int64)

    @abstractmethod
    def _track(self, observations: Observations) -> tuple[FloatArray, Int64Array, Int64Array]:
        """Takes one step; returns boxes ``(M, 4)``, ascending ids, detection indices ``(M,)``.

        Ids are from `_new_ids`, and indices among those of the observations.

        Not called for frames without detections once more than ``max_age`` frames have passed since
        the latest detection, when no track is left. ``self._frame`` counts all processed frames.
        """

    @abstractmethod
    def _coast(self) -> None:
        """Advances all tracks through one unseen frame."""

    @abstractmethod
    def _forget(self) -> None:
        """Drops all tracks; ids continue."""


def checked_numbers(
    name: str, value: npt.ArrayLike, shape: tuple[int, ...], farthest: float = MAX_FLOAT32
) -> npt.NDArray[Any]:
    """Returns ``value`` as a float64 array of ``shape``, with no magnitude beyond ``farthest``.

    A first dimension of -1 matches any length.

    Raises:
        ValueError: It is anything else; the message begins with ``name``.
    """
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError, OverflowError, RuntimeError) as error:  # torch raises the last
        raise ValueError(f"{name} must be an array of numbers: {error}") from None
    if array.shape == (0,) and shape[0] <= 0:  # [] stands for np.empty((0, 4)) too
        array = array.reshape(0, *shape[1:])
    if array.shape[1:] != shape[1:] or (shape[0] >= 0 and array.shape[:1] != shape[:1]):
        wanted = str(shape).replace("-1", "N")
        raise ValueError(f"{name} must have shape {wanted}, got {array.shape}")
    # One call checks most input: if the sum of squares is below the limit's, every value is
    # within it; NaN and infinity never pass.
    if np.vdot(array, array) < farthest * farthest:
        return array
    good = np.abs(array) <= farthest
    if not good.all():
        row = int(np.flatnonzero(~good.reshape(len(array), -1).all(axis=1))[0])
        finite = bool(np.isfinite(array[row]).all())
        unit = " pixels" if farthest == FARTHEST else ""
        limit = f"lie within {farthest:g}{unit}" if finite else "be finite"
        raise ValueError(f"{name} must {limit}, got {array[row].tolist()} in row {row}")
    return array


def checked_classes(
    classes: npt.ArrayLike, count: int, least: int = CLASS_RANGE.min, most: int = CLASS_RANGE.max
) -> npt.NDArray[np.int16]:
    """Returns ``count`` classes from ``least`` to ``most``.

    Raises:
        ValueError: They are anything else.
    """
    array = checked_numbers("classes", classes, (count,))
    wrong = (array != np.floor(array)) | (array < least) | (array > most)
    if wrong.any():
        got = array[wrong][0]
        raise ValueError(f"classes must be whole numbers from {least} to {most}, got {got:g}")
    return array.astype(np.int16)


def _checked_tracks(returned: Any) -> tuple[FloatArray, Int64Array, Int64Array]:
    """Returns what `_track` returned, with int64 ids and indices; refuses all but such arrays.

    A mistake in a tracker of the user's own would otherwise pass until the sink reads its message.
    """
    parts = returned if isinstance(returned, tuple | list) else [returned]
    if len(parts) == 3 and all(isinstance(each, np.ndarray) for each in parts):
        boxes, ids, used = parts
        is_number = ids.dtype.kind in "iu" and used.dtype.kind in "iu" and boxes.dtype.kind in "fiu"
        if is_number and boxes.shape == (used.size, 4) and ids.shape == used.shape == (used.size,):
            return boxes, ids.astype(np.int64, copy=False), used.astype(np.int64, copy=False)
    raise TrackError(
        f"_track must return boxes (M, 4), integer ids (M,) and integer detection indices (M,), "
        f"not {', '.join(map(_kind, parts))}"
    )


def _check_values(
    boxes: FloatArray, ids: Int64Array, used: Int64Array, next_id: int, indices: Int64Array
) -> None:
    """Refuses boxes without an area, ids that were not assigned, and rows of no detection."""
    is_box = (np.abs(boxes) <= MAX_FLOAT32).all(axis=1)
    is_box &= (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    if not is_box.all():
        wanted = "finite boxes with right > left and bottom > top"
        raise TrackError(f"_track must return {wanted}, got {boxes[~is_box][0].tolist()}")
    if ids[0] < 1 or ids[-1] >= next_id or (ids[1:] <= ids[:-1]).any():
        raise TrackError(
            f"_track must return ids from _new_ids (the next is {next_id}), each once and "
            f"ascending, got {_shown(ids)}"
        )
    if (wrong := ~np.isin(used, indices)).any():
        raise TrackError(
            f"_track must return indices among those of its observations, got {used[wrong][0]}"
        )


def _shown(ids: Int64Array) -> str:
    """Returns a list of at most eight ids."""
    return f"[{', '.join(map(str, ids[:8]))}{', …' if len(ids) > 8 else ''}]"


def _kind(value: object) -> str:
    if isinstance(value, np.ndarray):
        return f"{value.dtype} {value.shape}"
    return type(value).__name__


def _checked_size(frame_size: npt.ArrayLike) -> FloatArray:
    array = checked_numbers("frame_size", frame_size, (2,))
    if (array <= 0).any():
        raise ValueError(f"frame_size must be positive, got {array.tolist()}")
    return array


def _checked_motion(motion: npt.ArrayLike) -> FloatArray:
    array = checked_numbers("motion", motion, (2, 3), FARTHEST)
    zooms = np.linalg.svd(array[:, :2], compute_uv=False)
    if zooms.min() < 1 / _STRONGEST_ZOOM or zooms.max() > _STRONGEST_ZOOM:
        raise ValueError(
            f"motion must not zoom by more than {_STRONGEST_ZOOM:g}, got {array.tolist()}"
        )
    return array
