"""Finds the view of a picture in the frames of a camera that moves."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from stages.decoder.camera_motion import MIN_CORNERS, corners_of, small_gray
from stages.errors import SourceError
from stages.records import Float32Array, Float64Array, Frame, UInt8Array, View

PERIOD = 12  # frames of a block: the result depends on no earlier block

_FEATURES = 400
_RATIO = 0.8  # of the distances to the best match and to the second best (Lowe 2004)
_MATCH_DISTANCE = 3.0  # pixels of the small image; a match farther off does not agree
_TRACK_DISTANCE = 1.5  # the same for a tracked corner; in rain, few are closer
_MIN_MATCHES = 12
_MIN_SHARE = 0.3  # of the corners in view that must agree
_MIN_IN_VIEW = 0.25  # of the picture's corners
_BORDER = 8  # pixels of the small image: corners nearer to the edge are not tracked
_MAX_ZOOM = 5.0
_RETRY = 4  # frames: how often features are matched while the picture is not found
_CONTRAST_WINDOW = 31  # pixels of the small image
_WINDOW = 31, 31  # of the flow, in pixels of the small image: rain hides what a smaller one shows
_HALF_PIXEL = np.array([[1.0, 0.0, 0.5], [0.0, 1.0, 0.5], [0.0, 0.0, 1.0]])


class _Small(NamedTuple):
    gray: UInt8Array
    scaling: Float64Array  # from the frame's pixels to those of the small image

    @classmethod
    def of(cls, frame: Frame) -> _Small:
        gray = small_gray(frame)
        across = gray.shape[1] / frame.header.width
        return cls(gray, np.diag((across, gray.shape[0] / frame.header.height, 1.0)))


class ReferenceView:
    """Finds where frames lie on a picture of the same scene, taken by the same camera.

    A frame is matched to the picture by SIFT features (Lowe 2004) and RANSAC. Then corners of the
    picture are tracked into the frame, which is warped back by the homography found so far, by
    Lucas-Kanade flow; a homography fitted to them corrects the first one. Errors do not add up from
    frame to frame. Features take most of the time, so of each block of `PERIOD` frames, by their
    sequence numbers, only the first is always matched by them; the others begin with the homography
    of the frame before. If that fails, they are matched by features, too, but while frames are not
    found, only every fourth.

    The same frames of a block always give the same view, whatever came before: a decoder that
    replaces another one finds the same views.

    Args:
        path: The picture's file.

    Attributes:
        size: Height and width of the picture in pixels.

    Raises:
        SourceError: The file is no image, or shows too little.
    """

    def __init__(self, path: Path) -> None:
        try:
            picture = Frame.of_image(cv2.imread(str(path)))
        except ValueError:
            raise SourceError(f"decoder.reference: {path} cannot be read as an image") from None
        self.size = picture.header.height, picture.header.width
        small = _Small.of(picture)
        self._scaling = small.scaling
        self._corners = corners_of(small.gray)
        self._even = _even_contrast(small.gray)
        self._sift = cv2.SIFT.create(_FEATURES)
        self._matcher = cv2.BFMatcher(cv2.NORM_L2)
        self._points, self._features = self._describe(small.gray)
        self._latest: Float64Array | None = None  # from the small picture to the small frame
        self._block = -1, -1  # epoch and number
        self._waiting: list[tuple[bool, _Small]] = []  # passed over in this block, see `_located`
        if min(len(self._points), len(self._corners)) < _MIN_MATCHES:
            raise SourceError(f"decoder.reference: {path} shows too little to be found in frames")

    def pass_over(self, frame: Frame) -> None:
        """Takes a frame whose view is not needed, except perhaps for the next frames' views."""
        sequence, block = frame.header.sequence, self._block
        self._block = frame.header.epoch, sequence // PERIOD
        if self._block != block:
            self._waiting.clear()
            self._latest = None
        tries = self._block != block or sequence % _RETRY == 0
        self._waiting.append((tries, _Small.of(frame)))

    def find(self, frame: Frame) -> View:
        """Takes the next frame; returns its view."""
        self.pass_over(frame)
        for tries, small in self._waiting:
            self._latest = self._located(small.gray, tries)
        small = self._waiting[-1][1]
        self._waiting.clear()
        if self._latest is None:
            return ()
        view = np.linalg.inv(self._scaling) @ np.linalg.inv(self._latest) @ small.scaling
        return tuple((view / view[2, 2]).ravel().tolist())

    def _located(self, gray: UInt8Array, tries: bool) -> Float64Array | None:
        """Returns the homography; ``tries`` even if the frame before has none."""
        found = None if self._latest is None else self._refined(gray, self._latest)
        if found is not None or (self._latest is None and not tries):
            return found
        matched = self._matched(gray)
        return None if matched is None else self._refined(gray, matched)

    def _describe(self, gray: UInt8Array) -> tuple[Float32Array, Float32Array]:
        """Returns the features' points ``(N, 2)`` and descriptors ``(N, 128)``."""
        points, features = self._sift.detectAndCompute(_even_contrast(gray), None)
        found = np.array([point.pt for point in points], np.float32).reshape(-1, 2)
        return found + np.float32(0.5), np.asarray(features, np.float32)

    def _matched(self, gray: UInt8Array) -> Float64Array | None:
        points, features = self._describe(gray)
        if len(points) < _MIN_MATCHES:
            return None
        pairs = self._matcher.knnMatch(self._features, features, 2)
        good = [best for best, second in pairs if best.distance < _RATIO * second.distance]
        if len(good) < _MIN_MATCHES:
            return None
        here = self._points[[match.queryIdx for match in good]]
        there = points[[match.trainIdx for match in good]]
        matrix, agreeing = cv2.findHomography(here, there, cv2.RANSAC, _MATCH_DISTANCE)
        if matrix is None or agreeing.sum() < _MIN_MATCHES:
            return None
        return _plausible(np.asarray(matrix, np.float64), gray.shape)

    def _refined(self, gray: UInt8Array, rough: Float64Array) -> Float64Array | None:
        height, width = gray.shape
        moved = cv2.perspectiveTransform(self._corners[None].astype(np.float64) + 0.5, rough)[0]
        inside = ((moved > _BORDER) & (moved < (width - _BORDER, height - _BORDER))).all(axis=1)
        corners = self._corners[inside]
        if len(corners) < max(MIN_CORNERS, _MIN_IN_VIEW * len(self._corners)):
            return None
        back = cv2.warpPerspective(
            gray,
            np.linalg.inv(_HALF_PIXEL) @ rough @ _HALF_PIXEL,
            self._even.shape[::-1],
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        )
        tracked, found, _ = cv2.calcOpticalFlowPyrLK(
            self._even,
            _even_contrast(np.asarray(back, np.uint8)),
            corners,
            corners.copy(),
            winSize=_WINDOW,
        )
        seen = found.ravel() == 1
        if seen.sum() < MIN_CORNERS:
            return None
        here, there = corners[seen] + 0.5, tracked[seen] + 0.5
        matrix, agreeing = cv2.findHomography(here, there, cv2.RANSAC, _TRACK_DISTANCE)
        if matrix is None or agreeing.sum() < max(MIN_CORNERS, _MIN_SHARE * len(corners)):
            return None
        agree = agreeing.ravel() == 1
        matrix, _ = cv2.findHomography(here[agree], there[agree], 0)
        return None if matrix is None else _plausible(rough @ matrix, gray.shape)


def _plausible(matrix: npt.NDArray[np.floating], shape: tuple[int, ...]) -> Float64Array | None:
    """Returns the homography of small images; None if no camera moves like that."""
    if not np.isfinite(matrix).all() or abs(np.linalg.det(matrix)) < 1e-9:
        return None
    inverse = np.linalg.inv(matrix)
    inverse /= inverse[2, 2]
    height, width = shape
    corners = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]])
    depths = corners @ inverse[2]
    if depths.min() <= 0:  # the frame would be folded
        return None
    zooms = np.linalg.det(inverse) / depths**3
    if zooms.min() < _MAX_ZOOM**-2 or zooms.max() > _MAX_ZOOM**2:  # or be mirrored
        return None
    return np.asarray(matrix / matrix[2, 2], np.float64)


def _even_contrast(gray: UInt8Array) -> UInt8Array:
    """Returns the image with the same mean and contrast everywhere: light changes with the hour."""
    image = gray.astype(np.float32)
    window = _CONTRAST_WINDOW, _CONTRAST_WINDOW
    mean = cv2.boxFilter(image, -1, window)
    variance = cv2.boxFilter(image * image, -1, window) - mean * mean
    even = (image - mean) / (np.sqrt(np.maximum(variance, 0)) + 4)
    return np.asarray(np.clip(even * 40 + 128, 0, 255), np.uint8)
