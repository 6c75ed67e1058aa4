"""Foreground for a stationary camera: pixels that differ from the background."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import cv2
import numpy as np

from stages.records import BoolArray, UInt8Array
from tools.segmentation.options import Subtractor
from tools.segmentation.shadows import is_shadow

DIFFERENCE = 10  # grey levels in any channel
NOISE = 5.0  # foreground differs by more than this multiple of the image noise
CLOSED = 11  # pixels; gaps up to this width are closed
LEARNING_RATE = 0.02  # weight of a new frame in the background
BRIGHT = 190  # grey levels
_ROWS = 32  # rows processed at a time
_THIN = 8  # every n-th pixel is enough to estimate light and noise
_GAIN_RANGE = (0.5, 2.0)


class MedianBackground:
    """The median of each pixel over the frames of the sequence in which no box covers it.

    Works in two passes. Frames from the whole sequence determine the background, so that the first
    masks are as good as the last ones. Then the background slowly follows the light outside the
    boxes, so a vehicle that waits at a traffic light for minutes never becomes background. If a box
    covers a pixel in all frames, its background is unknown and it never counts as foreground.

    Args:
        images: ``(H, W, 3)`` uint8 BGR, from the whole sequence.
        covers: ``(H, W)`` uint8 for each image, 255 where something may hide the background. None
            without boxes: pixels that differ from a first median are then left out of a second.

    Attributes:
        known: ``(H, W)`` bool, where the background was seen.
    """

    def __init__(self, images: Sequence[UInt8Array], covers: Sequence[UInt8Array] | None) -> None:
        if not images:
            raise ValueError("a background needs images, got none")
        self._start(images, covers)
        if covers is None:
            kernel = np.ones((9, 9), np.uint8)
            differing = [cv2.dilate(self._differing(image, None), kernel) for image in images]
            self._start(images, [np.asarray(each, np.uint8) for each in differing])

    def _start(self, images: Sequence[UInt8Array], covers: Sequence[UInt8Array] | None) -> None:
        background, self.known = median_background(images, covers)
        self._mean = background.astype(np.float32)

    @property
    def image(self) -> UInt8Array:
        """The current background, ``(H, W, 3)`` uint8 BGR."""
        return np.asarray(cv2.convertScaleAbs(self._mean), np.uint8)

    def foreground(self, image: UInt8Array, cover: UInt8Array | None) -> UInt8Array:
        """Returns the foreground of the next frame; call it once for each frame, in order.

        Args:
            image: ``(H, W, 3)`` uint8 BGR.
            cover: ``(H, W)`` uint8, 255 where something may hide the background; None if that is
                unknown.

        Returns:
            ``(H, W)`` uint8, 255 where something is in front of the background.
        """
        found = self._differing(image, cover)
        hidden = found if cover is None else cover
        free = cv2.bitwise_not(hidden)
        first_seen = (free > 0) & ~self.known
        self._mean[first_seen] = image[first_seen]
        self.known |= first_seen
        cv2.accumulateWeighted(image, self._mean, LEARNING_RATE, free)
        return found

    def _differing(self, image: UInt8Array, cover: UInt8Array | None) -> UInt8Array:
        free = self.known if cover is None else self.known & (cover == 0)
        plain = self.image
        background = _with_brightness_of(image, plain, free)
        difference = _largest_difference(image, background)
        bright = plain.max(axis=2) > BRIGHT  # overexposed pixels may not change with the light
        difference[bright] = cv2.min(difference, _largest_difference(image, plain))[bright]
        calm = difference[::_THIN, ::_THIN][free[::_THIN, ::_THIN]]
        noise = float(np.median(calm)) if calm.size else 0.0
        differs = (difference > max(DIFFERENCE, NOISE * noise)) & self.known
        differs &= ~is_shadow(image, background)
        return clean(differs.astype(np.uint8) * np.uint8(255))


class AdaptiveBackground:
    """One of OpenCV's adaptive background subtractors, prevented from learning vehicles.

    It learns from frames in which boxes are painted over with the background last seen there, and
    is applied to the original frames without learning.

    Args:
        subtractor: A subtractor that has not learned anything yet.
        images: As for `MedianBackground`.
        covers: As for `MedianBackground`, but if None, it learns from whole frames, and shadows are
            those on the median of ``images``.

    Attributes:
        known: ``(H, W)`` bool, where the background was seen.
    """

    def __init__(
        self,
        subtractor: cv2.BackgroundSubtractor,
        images: Sequence[UInt8Array],
        covers: Sequence[UInt8Array] | None,
    ) -> None:
        self._subtractor = subtractor
        self._last, self.known = median_background(images, covers)
        for index, image in enumerate(images):
            self._learn(image, None if covers is None else covers[index])

    def foreground(self, image: UInt8Array, cover: UInt8Array | None) -> UInt8Array:
        """See `MedianBackground.foreground`."""
        differs = np.asarray(self._subtractor.apply(image, learningRate=0), np.uint8)
        differs[is_shadow(image, self._last)] = 0
        self._learn(image, cover)
        return clean(differs)

    def _learn(self, image: UInt8Array, cover: UInt8Array | None) -> None:
        if cover is None:  # the image may show vehicles and shadows, so `_last` stays the median
            self._subtractor.apply(image)
            return
        cv2.copyTo(image, cv2.bitwise_not(cover), self._last)
        self._subtractor.apply(self._last)


Background: TypeAlias = MedianBackground | AdaptiveBackground
"""A background that is known from the start and adapts to the light."""


def make_background(
    subtractor: Subtractor, images: Sequence[UInt8Array], covers: Sequence[UInt8Array] | None
) -> Background:
    """Makes the background of a subtractor.

    Args:
        subtractor: The median, MOG2 (Zivkovic 2004) or KNN (Zivkovic and van der Heijden 2006).
        images: ``(H, W, 3)`` uint8 BGR each.
        covers: ``(H, W)`` uint8 each, 255 where something may hide the background; None if that is
            unknown.
    """
    history = max(300, len(images))
    if subtractor is Subtractor.MEDIAN:
        return MedianBackground(images, covers)
    adaptive: cv2.BackgroundSubtractor = (
        cv2.createBackgroundSubtractorMOG2(history, 9.0, False)
        if subtractor is Subtractor.MOG2
        else cv2.createBackgroundSubtractorKNN(history, 100.0, False)
    )
    return AdaptiveBackground(adaptive, images, covers)


def median_background(
    images: Sequence[UInt8Array], covers: Sequence[UInt8Array] | None
) -> tuple[UInt8Array, BoolArray]:
    """Computes the median of each pixel over the frames in which it is not covered.

    Args:
        images: As for `MedianBackground`.
        covers: As for `MedianBackground`, but if None, no pixel is covered.

    Returns:
        The median ``(H, W, 3)`` uint8, and ``(H, W)`` bool, where it is known. Pixels that are
        covered in all frames have the median of all frames.
    """
    height, width = images[0].shape[:2]
    if covers is None:
        covers = [np.zeros((height, width), np.uint8)] * len(images)
    background = np.empty((height, width, 3), np.uint8)
    known = np.empty((height, width), np.bool_)
    for top in range(0, height, _ROWS):
        rows = slice(top, top + _ROWS)
        values = np.stack([image[rows] for image in images], axis=-1).astype(np.int16)
        hidden = np.stack([cover[rows] for cover in covers], axis=-1) > 0
        seen = (~hidden).sum(axis=-1)
        known[rows] = seen > 0
        hidden[seen == 0] = False
        seen[seen == 0] = len(images)
        values[np.broadcast_to(hidden[:, :, None], values.shape)] = 256  # sorts behind all others
        values.sort(axis=-1)
        middle = np.broadcast_to(((seen - 1) // 2)[..., None, None], (*values.shape[:3], 1))
        background[rows] = np.take_along_axis(values, middle, axis=-1)[..., 0]
    return background, known


def _largest_difference(image: UInt8Array, background: UInt8Array) -> UInt8Array:
    return np.asarray(cv2.absdiff(image, background).max(axis=2), np.uint8)


def clean(mask: UInt8Array) -> UInt8Array:
    """Removes specks from a mask ``(H, W)`` uint8, 0 or 255, and closes gaps."""
    opened = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (CLOSED, CLOSED))
    return np.asarray(cv2.morphologyEx(opened, cv2.MORPH_CLOSE, kernel), np.uint8)


def _with_brightness_of(image: UInt8Array, background: UInt8Array, free: BoolArray) -> UInt8Array:
    """Returns ``background`` as bright as ``image`` where ``free``: clouds and exposure vary."""
    thin = free[::_THIN, ::_THIN]
    if not thin.any():
        return background
    now = image[::_THIN, ::_THIN][thin].astype(np.float32) + 1
    then = background[::_THIN, ::_THIN][thin].astype(np.float32) + 1
    gain = float(np.clip(np.median(now.sum(axis=1) / then.sum(axis=1)), *_GAIN_RANGE))
    return np.asarray(cv2.convertScaleAbs(background, alpha=gain), np.uint8)
