"""Turns the user's source into sequences to segment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path, PurePosixPath

from stages.decoder.image_folder import IMAGE_SUFFIXES, image_files
from stages.decoder.locations import expand_sources
from stages.decoder.source_folders import MASKS
from stages.errors import ConfigError, SourceError
from tools.datasets.formats import UnknownFormatError, read_data_set
from tools.datasets.sample import USED_ANYWAY, ProblemKind, Sample
from tools.segmentation.frames import (
    Frames,
    SampleFrames,
    VideoFrames,
    folder_samples,
    mask_path,
)

TOGETHER = 200
"""Number of single images that one worker processes at a time."""

_UNREADABLE = (
    ProblemKind.UNREADABLE_IMAGE,
    ProblemKind.UNREADABLE_FILE,
    ProblemKind.UNREADABLE_ROW,
)


@dataclass(slots=True)
class Plan:
    """The sequences and images to segment.

    Attributes:
        sequences: Sequences of consecutive frames.
        singles: Single images, for which only boxes are known.
        samples: Every image that will have a mask, with `Sample.mask` set; no frames of videos.
        failures: Content that could not be read, and scenes whose name cannot be a folder name.
        problems: Other content that was left out, such as boxes without area or unannotated images.
        annotated: Whether there are boxes.
    """

    sequences: list[Frames] = field(default_factory=list)
    singles: list[Frames] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    annotated: bool = False


def make_plan(source: Path, output: Path) -> Plan:
    """Finds the sequences and images to segment.

    Args:
        source: A data set; or, without boxes, a video, a folder of images, or a folder of these.
        output: The folder that ``masks`` is in.

    Raises:
        ConfigError: A data set is broken, or foreground cannot be found in this source.
        SourceError: There is nothing to read.
    """
    plan, root = Plan(), output / MASKS
    try:
        data_set = read_data_set(source) if source.is_dir() else None
    except UnknownFormatError:
        data_set = None
    if data_set is not None:
        plan.annotated = True
        for problem in data_set.problems:
            if problem.kind not in USED_ANYWAY:
                messages = plan.failures if problem.kind in _UNREADABLE else plan.problems
                messages.append(f"{problem.kind}: {problem.location}")
        _add(plan, data_set.samples, root)
        return plan
    for spec in expand_sources([str(source)]):
        path = Path(spec.location)
        if path.is_dir():
            samples, problems = folder_samples(spec.name, image_files(path))
            plan.failures += problems
            _add(plan, samples, root)
        elif path.suffix.lower() in IMAGE_SUFFIXES:
            raise ConfigError(f"{path} is a single image without boxes: foreground cannot be found")
        elif path.is_file():
            plan.sequences.append(VideoFrames(path, spec.name, root))
        else:
            raise ConfigError(f"cannot segment {source}: a data set, images or a video is needed")
    return plan


def leave_out_unreadable(plan: Plan) -> None:
    """Removes unreadable sequences from the plan; decodes videos to count their frames.

    Raises:
        SourceError: Nothing can be read.
    """
    readable: list[Frames] = []
    broken: list[str] = []
    for frames in plan.sequences:
        try:
            frames.masks()
        except SourceError as error:
            broken.append(str(error))
        else:
            readable.append(frames)
    if broken and not readable:
        raise SourceError("; ".join(broken))
    plan.sequences = readable
    plan.failures += broken


def _add(plan: Plan, samples: Sequence[Sample], root: Path) -> None:
    singles: list[Sample] = []
    taken: set[Path] = set()
    for scene, group in groupby(samples, key=lambda sample: sample.scene):
        if PurePosixPath(scene).is_absolute() or ".." in PurePosixPath(scene).parts:
            plan.failures.append(f"scene {scene!r} cannot be the name of a folder")
            continue
        frames: list[Sample] = []
        for sample in group:
            mask = mask_path(root, scene, sample.path.stem)
            if mask in taken:
                plan.problems.append(f"another image has the same mask as {sample.path}: {mask}")
                continue
            taken.add(mask)
            (singles if sample.frame is None else frames).append(sample)
            plan.samples.append(replace(sample, mask=mask))
        if frames:
            plan.sequences.append(SampleFrames(scene, frames, root, annotated=plan.annotated))
    for first in range(0, len(singles), TOGETHER):
        part = singles[first : first + TOGETHER]
        plan.singles.append(SampleFrames("single images", part, root))
