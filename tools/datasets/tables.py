"""Findings on a data set as tables for the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from rich.table import Table

from stages.wording import counted
from tools.datasets.check import Findings, Summary

FORMATS = {"coco": "COCO", "detrac": "UA-DETRAC", "uavdt": "UAVDT", "yolo": "YOLO"}
_counted = partial(counted, form=",")
MAX_SCENES, MAX_LOCATIONS, MAX_SIZES = 60, 3, 4


def finding_tables(findings: Findings, width: int) -> Iterator[Table]:
    """Yields scenes and classes for a `wide_console` of ``width`` columns; omits empty tables."""
    if any(scene.images > 1 for scene in findings.scenes):
        yield _scene_table(findings, width)
    if findings.classes:
        yield _class_table(findings)


def headline(findings: Findings) -> str:
    """Returns one line: name, format, numbers of images, scenes and boxes, and image sizes.

    Images are also counted by split, unless all belong to the same one.
    """
    total = findings.total
    sizes = [f"{size} ({count:,})" for size, count in findings.image_sizes.items()]
    more = len(sizes) - MAX_SIZES
    listed = ", ".join(sizes[:MAX_SIZES]) + (
        f" and {_counted(more, 'more size')}" if more > 0 else ""
    )
    splits = ", ".join(f"{split} {count:,}" for split, count in total.splits.items())
    parts = [
        _counted(total.images, "image")
        + (f" ({splits})" if splits and "split" not in total.conditions else ""),
        _counted(len(findings.scenes), "scene"),
        _counted(total.boxes, "box", "boxes"),
    ]
    if total.empty_images:
        parts.append(f"{_counted(total.empty_images, 'image')} without boxes")
    if total.masks:
        parts.append(_counted(total.masks, "mask"))
    common = "".join(f", {value}" for value in total.conditions.values())
    return f"{findings.name} ({FORMATS[findings.format]}{common}): {', '.join(parts)}; {listed}"


def problem_lines(findings: Findings) -> Iterator[str]:
    """Yields the number of problems of each kind with the first locations, then a summary line."""
    for kind, locations in findings.problems.items():
        yield f"{len(locations):,} × {kind}"
        yield from (f"    {location}" for location in locations[:MAX_LOCATIONS])
        if len(locations) > MAX_LOCATIONS:
            yield f"    … {len(locations) - MAX_LOCATIONS:,} more"
    count = sum(map(len, findings.problems.values()))
    outcome = (
        f"{_counted(count, 'problem')}; what cannot be used is left out" if count else "no problems"
    )
    yield f"{findings.tried:,} of {_counted(findings.total.images, 'image')} decoded; {outcome}"


def _scene_table(findings: Findings, width: int) -> Table:
    """Returns the table of scenes, with as many classes as fit, most frequent first.

    If space is short, conditions are cut before names and numbers.
    """
    total, scenes = findings.total, [*findings.scenes[:MAX_SCENES], findings.total]
    columns = {
        "scene": [scene.name or "all" for scene in scenes],
        "images": [f"{scene.images:,}" for scene in scenes],
        "boxes": [f"{scene.boxes:,}" for scene in scenes],
    }
    others = {"size 5/50/95 %": [_sizes(scene.sizes[::2]) for scene in scenes]}
    if total.ignored_share:
        others["ignored"] = [f"{100 * scene.ignored_share:.1f} %" for scene in scenes]
    room = width - 1 - sum(_width(*column) for column in [*columns.items(), *others.items()])
    conditions = [_own_conditions(scene, total) for scene in scenes]
    if any(conditions) and room >= _width("conditions", []):
        others["conditions"] = [_cut(each, room - _width("", [])) for each in conditions]
        room -= _width("conditions", others["conditions"])
    for label in total.labels:
        counts = [f"{scene.labels.get(label, 0):,}" for scene in scenes]
        room -= _width(label, counts)
        if room < 0:
            break
        columns.setdefault(label, counts)
    table = Table()
    for heading in [*columns, *others]:
        left = heading in ("scene", "conditions")
        table.add_column(heading, justify="left" if left else "right", no_wrap=True)
    for number, row in enumerate(zip(*columns.values(), *others.values(), strict=True), 1):
        table.add_row(*row, end_section=number == len(scenes) - 1)
    more = len(findings.scenes) - MAX_SCENES
    if more > 0:
        table.caption = f"and {_counted(more, 'more scene')}"
    return table


def _width(heading: str, values: list[str]) -> int:
    return max(map(len, [heading, *values])) + len(" | ")


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"


def _sizes(sizes: tuple[float, ...]) -> str:
    return "/".join(f"{size:.0f}" for size in sizes) or "–"


def _own_conditions(scene: Summary, total: Summary) -> str:
    """Returns the conditions that not all scenes share."""
    own = scene.conditions.items() - total.conditions.items()
    return ", ".join(value for _, value in sorted(own))


def _class_table(findings: Findings) -> Table:
    total = findings.total
    table = Table("class", caption="size: √area of a box in pixels, at these percentiles")
    hidden, ignored = total.hidden_boxes > 0, total.ignored_boxes > 0
    headings = ["boxes", "images", "size 5/25/50/75/95 %"]
    headings += ["hidden > ½"] * hidden + ["ignored"] * ignored
    for heading in headings:
        table.add_column(heading, justify="right")
    for each in findings.classes:
        row = [
            each.name,
            f"{each.boxes:,}",
            f"{each.images:,}",
            _sizes(each.sizes),
        ]
        row += [f"{each.hidden_boxes:,}"] * hidden
        row += [f"{each.ignored_boxes:,}"] * ignored
        table.add_row(*row)
    return table
