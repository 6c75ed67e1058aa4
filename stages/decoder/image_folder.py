"""Reads a folder of images as frames, in natural order."""

from __future__ import annotations

import os
import re
from collections.abc import Generator, Sequence
from dataclasses import KW_ONLY, dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np

from stages.decoder.source import FrameAllocator, FrameSelection, SourceRecord, SourceRuntime
from stages.errors import SourceError
from stages.number_table import MAX_FRAME
from stages.records import (
    Dropped,
    DropReason,
    EndOfStream,
    EndReason,
    Frame,
    PixelFormat,
    StreamStart,
    UInt8Array,
)
from stages.wording import counted

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})
_NAMED_IMAGES = 3
_BENCHMARK_NAME = re.compile(r"img(\d+)$")
_MOT_NAME = re.compile(r"(?:img)?(\d+)$")
_COUNTED_NAME = re.compile(r"\D*(\d+)$")
_FARTHEST = 100_000  # over an hour at 25 fps: names may count up to this, however few images
_SPARSEST = 1000  # frames per image: names may count beyond that up to this ratio


def sheet_name(folder: Path) -> str:
    """Returns the default name of the sheet that a check of a data set draws."""
    return f"{folder.resolve().name}-sheet.jpg"


def image_files(folder: Path) -> list[Path]:
    """Returns the folder's images in natural order (``img2`` before ``img10``).

    Hidden files are left out: macOS puts a ``._img00001.jpg``, which is not an image, beside each
    file that it copies to a foreign disk or archive, and names of unfinished copies often begin
    with a dot. The sheet that ``spotstream data check`` writes there is left out as well.
    """
    sheet = sheet_name(folder)
    files = [
        path
        for path in folder.iterdir()
        if path.suffix.lower() in IMAGE_SUFFIXES
        and not path.name.startswith(".")
        and path.name != sheet
    ]
    return sorted(
        files,
        key=lambda path: (
            [
                (0, int(part), "") if part.isdecimal() else (1, 0, part.lower())
                for part in re.split(r"(\d+)", path.name)
                if part
            ],
            path.name,
        ),
    )


@dataclass
class ImageFolderSource:
    """Images of one size, numbered by their file names if these count frames.

    Names count frames if all are ``img<number>`` (or ``<number>`` in MOTChallenge's layout), with
    numbers from 1 that rise from one image to the next, and with no number so large that hardly any
    frame would have an image. Otherwise images are numbered by position.

    Attributes:
        folder: Folder of the images, or a single image file.
        name: Name of the stream.
        selection: Frames to use.
        frame_rate: Frames per second.
        layout: See `StreamStart`.
        runtime: See `SourceRuntime`.
    """

    folder: Path
    _: KW_ONLY
    name: str
    selection: FrameSelection = field(default_factory=FrameSelection)
    frame_rate: Fraction = Fraction(25)
    layout: str = ""
    runtime: SourceRuntime = field(default_factory=SourceRuntime)

    def records(self, allocator: FrameAllocator) -> Generator[SourceRecord, None, None]:
        """See `Source.records`."""
        # Imported here: processes that read no images do not need OpenCV, which takes memory.
        from stages.decoder.image_file import image_count, read_image

        chosen = self._chosen_files()
        start: StreamStart | None = None
        first = chosen[0][1]
        unreadable: list[Path] = []
        reason = ""  # why the first of these could not be read
        early: list[Dropped] = []  # drops before the stream's start, which needs a size
        for sequence, (index, path) in enumerate(chosen):
            try:
                image = read_image(path)
            except SourceError as error:
                if start is not None and not os.path.lexists(path):
                    message = "; ".join(filter(None, (f"{path} is gone", _in_words(unreadable))))
                    yield EndOfStream(self.name, 0, sequence, EndReason.TRUNCATED, message)
                    return
                reason = reason or str(error)
                unreadable.append(path)
                dropped = Dropped(self.name, 0, sequence, sequence, DropReason.UNREADABLE)
                if start is None:
                    early.append(dropped)
                else:
                    yield dropped
                continue
            if start is None:
                start, first = self._start(image, len(chosen)), path
                if path == self.folder and (count := image_count(path)) > 1:
                    self.runtime.notify(f"{path} holds {count} images; only the first is read")
                yield start
                yield from early
            height, width = image.shape[:2]
            if (height, width) != (start.height, start.width):
                message = (
                    f"{path} is {width}×{height}, but {first.name} is "
                    f"{start.width}×{start.height}; images of one folder must be of one "
                    f"size to be tracked; for single images: spotstream detect"
                )
                yield EndOfStream(self.name, 0, sequence, EndReason.TRUNCATED, message)
                return
            pixels = allocator.allocate(image.shape)
            np.copyto(pixels, image)
            header = start.header(sequence, index, index, self.runtime.clock(), PixelFormat.BGR24)
            yield Frame(header, pixels)
        if start is None:
            after = len(chosen) - 1
            others = f"; {counted(after, 'more image')} cannot be read" if after else ""
            raise SourceError(f"{reason}{others}")
        message = _in_words(unreadable)
        yield EndOfStream(self.name, 0, len(chosen), EndReason.COMPLETE, message)

    def _chosen_files(self) -> list[tuple[int, Path]]:
        """Returns the selected files, each with the 0-based number of its frame."""
        files = image_files(self.folder) if self.folder.is_dir() else [self.folder]
        if not files:
            raise SourceError(
                f"{self.folder} holds no images ({', '.join(sorted(IMAGE_SUFFIXES))})"
            )
        chosen = [
            (index, path)
            for index, path in zip(self._frame_indices(files), files, strict=True)
            if self.selection.takes(index)
        ]
        if not chosen:
            raise SourceError(
                f"{self.folder}: none of {counted(len(files), 'image')} is in the chosen range"
            )
        return chosen

    def _start(self, image: UInt8Array, count: int) -> StreamStart:
        height, width = image.shape[:2]
        return StreamStart(
            stream=self.name,
            epoch=0,
            source=str(self.folder),
            height=height,
            width=width,
            frame_rate=self.frame_rate,
            time_base=1 / self.frame_rate,
            frame_count=count,
            layout=self.layout,
        )

    def _frame_indices(self, files: list[Path]) -> list[int]:
        """Returns the 0-based number of each frame: from its name, or by position."""
        positions = list(range(len(files)))
        numbers = _numbers(files, _MOT_NAME if self.layout == "mot" else _BENCHMARK_NAME)
        rise = numbers == sorted(set(numbers))
        if len(numbers) < len(files) or not rise or numbers[0] < 1:
            self._report_missing_number(_numbers(files, _COUNTED_NAME))
            return positions
        if max(numbers) > min(MAX_FRAME, max(_FARTHEST, _SPARSEST * len(files))):
            self.runtime.notify(
                f"{self.folder}: the names count up to {max(numbers)}, too far for {len(files)} "
                f"images; they are numbered in order instead"
            )
            return positions
        return [number - 1 for number in numbers]

    def _report_missing_number(self, numbers: Sequence[int]) -> None:
        """Reports the first number that the names leave out, if they cover most of a range."""
        if not numbers:
            return
        every = range(min(numbers), max(numbers) + 1)
        there = set(numbers)
        if len(there) < len(every) < 2 * len(there):
            missing = next(number for number in every if number not in there)
            more = len(every) - len(there) - 1
            others = f" and {counted(more, 'other')} are" if more else " is"
            self.runtime.notify(
                f"{self.folder}: number {missing}{others} missing in the names; the frames are "
                f"numbered 1, 2, 3, … in order"
            )


def _numbers(files: Sequence[Path], name: re.Pattern[str]) -> list[int]:
    matches = (name.match(path.stem) for path in files)
    return [int(match[1]) for match in matches if match is not None]


def _in_words(unreadable: Sequence[Path]) -> str:
    """Names the first unreadable images and counts the others, "" if there are none."""
    if not unreadable:
        return ""
    others = len(unreadable) - _NAMED_IMAGES
    more = f" and {counted(others, 'other image')}" if others > 0 else ""
    return f"cannot read {', '.join(path.name for path in unreadable[:_NAMED_IMAGES])}{more}"
