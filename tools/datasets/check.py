"""Statistics of a data set, and a check that its images can be opened."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from stages.decoder.image_file import read_image
from stages.errors import SourceError
from tools.annotations.ignored import area_in_union, half_inside
from tools.datasets.folder_tree import SPLITS
from tools.datasets.sample import MOSTLY_HIDDEN, DataSet, Problem, ProblemKind, Sample
from trackers.boxes import areas

QUANTILES = (5, 25, 50, 75, 95)
"""Percentiles of the sizes of boxes."""


@dataclass(frozen=True, slots=True)
class Summary:
    """Counts over a scene, a class or everything.

    Attributes:
        name: Name of the scene or class.
        images: Number of images; for a class, of images that show it.
        empty_images: Number of images without boxes.
        boxes: Number of boxes.
        labels: Number of boxes of each class.
        sizes: √area of the boxes in pixels at `QUANTILES`; empty if there are no boxes.
        hidden_boxes: Number of boxes that are more than half hidden.
        ignored_boxes: Number of boxes with at least half their area in ignored regions.
        ignored_share: Share of the area of all images that is ignored, in [0, 1].
        masks: Number of images that have a foreground mask.
        splits: Number of images in each split; images without a split are not counted.
        conditions: Conditions that all samples share.
    """

    name: str
    images: int
    empty_images: int
    boxes: int
    labels: dict[str, int]
    sizes: tuple[float, ...]
    hidden_boxes: int
    ignored_boxes: int
    ignored_share: float
    masks: int
    splits: dict[str, int]
    conditions: dict[str, str]


@dataclass(frozen=True, slots=True)
class Findings:
    """All findings on a data set.

    Attributes:
        name: Name of the data set.
        format: See `DataSet`.
        total: Summary of everything.
        scenes: Summaries of the scenes, sorted by name.
        classes: Summaries of the classes, most frequent first.
        image_sizes: Number of images of each ``"WIDTHxHEIGHT"``, most frequent first.
        tried: Number of images that were decoded.
        problems: Locations of each kind of problem, most frequent kind first; paths are relative to
            the root of the data set.
    """

    name: str
    format: str
    total: Summary
    scenes: tuple[Summary, ...]
    classes: tuple[Summary, ...]
    image_sizes: dict[str, int]
    tried: int
    problems: dict[str, tuple[str, ...]]


def unreadable_images(
    samples: Sequence[Sample], progress: Callable[[int], None] = lambda done: None
) -> list[Problem]:
    """Decodes every image and mask of ``samples``; returns those that fail or have a wrong size.

    Args:
        samples: Samples whose pixels are read.
        progress: Called after each sample with the number done.
    """
    problems = []
    for done, sample in enumerate(samples, 1):
        for path in (sample.path, sample.mask):
            if path is None:
                continue
            try:
                height, width = read_image(path).shape[:2]
            except SourceError as error:
                problems.append(Problem(ProblemKind.UNREADABLE_IMAGE, str(error)))
                continue
            if (height, width) != (sample.height, sample.width):
                location = f"{path}: {width}x{height}, annotated {sample.width}x{sample.height}"
                problems.append(Problem(ProblemKind.WRONG_SIZE, location))
        progress(done)
    return problems


def summarize(data_set: DataSet, tried: int, unreadable: Sequence[Problem]) -> Findings:
    """Summarises a data set.

    Args:
        data_set: The data set.
        tried: Number of images that were decoded.
        unreadable: Result of `unreadable_images`.
    """
    by_scene: dict[str, list[Sample]] = defaultdict(list)
    for sample in data_set.samples:
        by_scene[sample.scene].append(sample)
    by_class = {
        label: [_of_class(sample, label) for sample in data_set.samples if label in sample.labels]
        for label, _ in data_set.label_counts().most_common()
    }
    sizes = Counter(f"{sample.width}x{sample.height}" for sample in data_set.samples)
    root = re.compile(rf"(?<!\S){re.escape(str(data_set.root))}/")
    locations: dict[str, list[str]] = defaultdict(list)
    for problem in [*unreadable, *data_set.problems]:
        locations[problem.kind.value].append(root.sub("", problem.location))
    ordered = sorted(locations.items(), key=lambda item: -len(item[1]))
    return Findings(
        name=data_set.name,
        format=data_set.format,
        total=_summary("", data_set.samples),
        scenes=tuple(_summary(name, by_scene[name]) for name in sorted(by_scene)),
        classes=tuple(_summary(name, samples) for name, samples in by_class.items()),
        image_sizes=dict(sizes.most_common()),
        tried=tried,
        problems={kind: tuple(each) for kind, each in ordered},
    )


def _of_class(sample: Sample, label: str) -> Sample:
    """Returns the sample with only the boxes of one class."""
    rows = [row for row, each in enumerate(sample.labels) if each == label]
    boxes, hidden = sample.boxes[rows], sample.hidden[rows]
    return replace(sample, boxes=boxes, labels=(label,) * len(rows), hidden=hidden)


def _summary(name: str, samples: Sequence[Sample]) -> Summary:
    boxes = np.concatenate([np.empty((0, 4), np.float32), *(each.boxes for each in samples)])
    hidden = np.concatenate([np.empty(0), *(each.hidden for each in samples)])
    labels = Counter(label for sample in samples for label in sample.labels)
    sizes = np.sqrt(areas(boxes))
    ignored_boxes, ignored_share = _ignored(samples)
    conditions = [set(sample.conditions.items()) for sample in samples]
    common = set.intersection(*conditions) if conditions else set()
    splits = Counter(sample.conditions.get("split") for sample in samples)
    return Summary(
        name=name,
        images=len(samples),
        empty_images=sum(len(sample.boxes) == 0 for sample in samples),
        boxes=len(boxes),
        labels=dict(labels.most_common()),
        sizes=tuple(float(q) for q in np.percentile(sizes, QUANTILES)) if len(sizes) else (),
        hidden_boxes=int((hidden > MOSTLY_HIDDEN).sum()),
        ignored_boxes=ignored_boxes,
        ignored_share=ignored_share,
        masks=sum(sample.mask is not None for sample in samples),
        splits={split: splits[split] for split in SPLITS if splits[split]},
        conditions=dict(sorted(common)),
    )


def _ignored(samples: Sequence[Sample]) -> tuple[int, float]:
    """Returns the number of boxes in ignored regions, and the regions' share of the image area."""
    # The frames of a sequence share one array of regions.
    groups: dict[tuple[int, int, int], list[Sample]] = defaultdict(list)
    for sample in samples:
        if len(sample.ignored):
            groups[id(sample.ignored), sample.width, sample.height].append(sample)
    count, area = 0, 0.0
    for (_, width, height), members in groups.items():
        regions = members[0].ignored.astype(np.float64)
        frame = np.array([[0, 0, width, height]], np.float64)
        area += len(members) * float(area_in_union(frame, regions)[0])
        boxes = np.concatenate([sample.boxes for sample in members])
        count += int(half_inside(boxes, regions).sum())
    whole = sum(sample.width * sample.height for sample in samples)
    return count, area / whole if whole else 0.0
