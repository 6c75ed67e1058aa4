"""The frames of one sequence, from a data set or a video, which can be read repeatedly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np

from stages.bgr import to_bgr
from stages.decoder.media import MediaSource
from stages.decoder.source import HeapAllocator
from stages.errors import SourceError
from stages.records import EndOfStream, EndReason, Float32Array, Frame, UInt8Array
from tools.datasets.image_size import image_size
from tools.datasets.sample import Sample


@dataclass(frozen=True, slots=True, eq=False)
class SequenceFrame:
    """One frame to segment.

    Attributes:
        mask: Path of its mask.
        image: ``(H, W, 3)`` uint8 BGR.
        boxes: ``(N, 4)`` float32 left, top, right, bottom in pixels; None if not annotated.
    """

    mask: Path
    image: UInt8Array
    boxes: Float32Array | None


class SampleFrames:
    """Frames of a data set.

    Args:
        name: Name of the sequence.
        samples: Its samples, in order.
        root: The folder ``masks``.
        annotated: Whether the samples have boxes of vehicles.

    Attributes:
        name: Name of the sequence.
        problems: Messages on unreadable images left out, each once; grows while reading.
    """

    def __init__(
        self, name: str, samples: Sequence[Sample], root: Path, *, annotated: bool = True
    ) -> None:
        self.name = name
        self.problems: dict[str, None] = {}
        self._samples = list(samples)
        self._root = root
        self._annotated = annotated

    def masks(self) -> list[Path]:
        """Returns the paths of all masks, in order, including those of unreadable images."""
        return [mask_path(self._root, each.scene, each.path.stem) for each in self._samples]

    def read(self, every: int = 1) -> Iterator[SequenceFrame]:
        """Yields every n-th frame, starting with the first; unreadable images are left out."""
        masks = self.masks()
        for index in range(0, len(masks), every):
            sample = self._samples[index]
            try:
                image = sample.read()
            except SourceError as error:
                self.problems[str(error)] = None
                continue
            yield SequenceFrame(masks[index], image, sample.boxes if self._annotated else None)

    def apart(self, frames: int) -> int:
        """Returns how many sequence positions correspond to about ``frames`` camera frames."""
        numbers = [sample.frame for sample in self._samples if sample.frame is not None]
        gaps = np.diff(numbers)
        return max(1, round(frames / max(1.0, float(np.median(gaps))))) if gaps.size else frames


class VideoFrames:
    """Frames of a video, without boxes.

    Args:
        video: The file.
        name: Name of the sequence.
        root: The folder ``masks``; masks are named ``img00001.png`` and so on.

    Attributes:
        name: Name of the sequence.
        problems: Messages on content that cannot be used, each once; grows while reading.
    """

    def __init__(self, video: Path, name: str, root: Path) -> None:
        self.name = name
        self.problems: dict[str, None] = {}
        self._video = video
        self._root = root
        self._count = 0

    def masks(self) -> list[Path]:
        """Returns the paths of all masks, in order; decodes the video to count its frames.

        Raises:
            SourceError: The video cannot be read.
        """
        if not self._count:
            self._count = sum(1 for _ in self._frames())
        return [self._mask(index) for index in range(self._count)]

    def read(self, every: int = 1) -> Iterator[SequenceFrame]:
        """Yields every n-th frame, starting with the first, up to a change of the frame size.

        Raises:
            SourceError: The video cannot be read.
        """
        size: tuple[int, ...] | None = None
        for position, frame in enumerate(self._frames()):
            if position % every:
                continue
            image = to_bgr(frame.required_pixels(), frame.header.pixel_format)
            size = size or image.shape
            if image.shape != size:
                self.problems[f"{self._video} changes its size at frame {position + 1}"] = None
                return
            yield SequenceFrame(self._mask(position), image, None)

    def apart(self, frames: int) -> int:
        """Returns ``frames``: every camera frame has a sequence position."""
        return frames

    def _mask(self, position: int) -> Path:
        return mask_path(self._root, self.name, f"img{position + 1:05d}")

    def _frames(self) -> Iterator[Frame]:
        source = MediaSource(str(self._video), name=self.name)
        for record in source.records(HeapAllocator()):
            if isinstance(record, Frame):
                yield record
            elif isinstance(record, EndOfStream) and record.reason is EndReason.TRUNCATED:
                self.problems[record.message] = None


Frames: TypeAlias = SampleFrames | VideoFrames
"""The frames of one sequence."""


def folder_samples(name: str, files: Sequence[Path]) -> tuple[list[Sample], list[str]]:
    """Returns images without boxes as samples, numbered from 1, and problems with other files."""
    samples, problems = [], []
    nothing = np.empty((0, 4), np.float32)
    for number, path in enumerate(files, start=1):
        try:
            size = image_size(path)
        except SourceError as error:
            problems.append(str(error))
            continue
        hidden = np.empty(0, np.float32)
        samples.append(Sample(path, name, number, *size, nothing, (), hidden))
    return samples, problems


def mask_path(root: Path, scene: str, stem: str) -> Path:
    """Returns the path of the mask of an image of ``scene``, below the folder ``masks``."""
    return root / scene / f"{stem}.png"
