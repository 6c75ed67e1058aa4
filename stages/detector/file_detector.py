"""A detector that looks up its boxes in detection files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from stages.detector.compute_threads import ComputeThreads
from stages.detector.detection_file import DetectionFile
from stages.detector.file_warnings import file_warnings
from stages.detector.kept_detections import kept_classes
from stages.detector.lru_cache import LruCache
from stages.detector.sequence_files import (
    detection_files,
    detector_name,
    find_file,
    nested_files,
    sequence_name,
)
from stages.errors import ConfigError
from stages.records import Detections, Frame, StreamStart
from stages.result_files import DETECTIONS

_KEPT = 64  # files: no more streams run concurrently


class FileDetector:
    """Returns the detections that a file holds for each frame's index; ignores the pixels.

    Attributes:
        name: Name of the detector that made the files: ``NAME`` in ``MVI_39511_Det_NAME.txt``,
            otherwise the file's `sequence_name` or the folder's name.
        description: ``read from`` and the path.
        class_names: Names of the classes that ``Detections.classes`` indexes.
        batch_size: 1, because larger batches are no faster.
        compute_threads: None, because boxes are looked up.
        is_immediate: True, because boxes are looked up.
    """

    batch_size = 1
    compute_threads: ComputeThreads | None = None
    is_immediate = True

    def __init__(
        self, path: Path | str, min_score: float = 0.0, classes: Sequence[str] = ()
    ) -> None:
        """Reads the file, or the folder's first file with boxes, to find the class names.

        Args:
            path: A detection file, used for every stream, or a folder with one file per stream:
                ``NAME.txt`` or ``NAME_….txt`` for the stream ``NAME``, optionally with ``.gz``, or
                ``NAME/detections.txt`` as written by a run, or ``NAME/det/det.txt``; see
                `find_file`.
            min_score: Detections with a lower score are left out.
            classes: Names of the classes to keep; none: all.

        Raises:
            ConfigError: The file or folder does not exist, the folder has no detection files, the
                file, or each file of the folder, is malformed, or they lack one of ``classes``.
        """
        self.path = Path(path)
        self.min_score = min_score
        self._files: LruCache[str, DetectionFile] = LruCache(_KEPT)
        self._streams: dict[Path, str] = {}  # for which a file was found
        self._single: DetectionFile | None = None
        if not self.path.exists():
            raise ConfigError(f"detections {self.path}: no such file or folder")
        if self.path.is_dir():
            files = detection_files(self.path) or list(nested_files(self.path).values())
            names = {detector_name(file) for file in files}
            common = names.pop() if len(names) == 1 else None
            self.name = common or self.path.resolve().name
            read = _readable(files)
            first = next(read)
            # A file without boxes, from a sequence without vehicles, does not show its format.
            example = next((file for file in chain((first,), read) if len(file)), first)
        else:
            example = self._single = DetectionFile.read(self.path)
            self.name = detector_name(self.path) or sequence_name(self.path)
        self.class_names = example.class_names
        # Without boxes there are no classes to check, and nothing to leave out.
        self._kept_classes = kept_classes(classes if len(example) else (), self.class_names)
        self.description = f"read from {self.path}"

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        """Returns the detections of each frame, looked up by its stream and index.

        Raises:
            ConfigError: The folder has no file for a stream, or more than one, or the same one as
                for another stream.
        """
        return [self._detect(frame) for frame in frames]

    def warnings(self, start: StreamStart) -> list[str]:
        """Returns the warnings about a stream's file, see `file_warnings`.

        Args:
            start: First record of an epoch; later epochs repeat no lines.

        Raises:
            ConfigError: See `detect`.
        """
        if start.epoch:
            return []
        file = self.file_of(start.stream)
        lines = file_warnings(file, (start.width, start.height), of_uavdt=start.layout == "uavdt")
        return [f"{file.path}: {each}" for each in lines]

    def file_of(self, stream: str) -> DetectionFile:
        """Returns the detections of ``stream``, read on first use and again after long disuse.

        Raises:
            ConfigError: See `detect`.
        """
        if self._single is not None:
            return self._single
        file = self._files.get(stream)
        if file is not None:
            return file
        path = find_file(self.path, stream, DETECTIONS)
        other = self._streams.setdefault(path, stream)
        if other != stream:
            raise ConfigError(
                f"{path} is the file of {other} and of {stream} by its name; rename it to "
                f"{other}.txt or {stream}.txt, and give the other stream a file"
            )
        file = DetectionFile.read(path)
        if len(file) and file.class_names != self.class_names:
            raise ConfigError(
                f"{file.path} has classes {', '.join(file.class_names)}, other files of the "
                f"folder {', '.join(self.class_names)}; keep formats in folders of their own"
            )
        return self._files.keep(stream, file)

    def _detect(self, frame: Frame) -> Detections:
        boxes, scores, classes = self.file_of(frame.header.stream).frame(frame.header.index)
        good = (scores >= self.min_score) & self._kept_classes[classes]
        return Detections(frame.header, boxes[good], scores[good], classes[good])


def _readable(files: Sequence[Path]) -> Iterator[DetectionFile]:
    """Yields the files that can be read; the others raise an error when their stream needs them.

    Raises:
        ConfigError: No file can be read: the error of the first.
    """
    failure: ConfigError | None = None
    found = False
    for file in files:
        try:
            read = DetectionFile.read(file)
        except ConfigError as error:
            failure = failure or error
            continue
        found = True
        yield read
    if failure is not None and not found:
        raise failure
