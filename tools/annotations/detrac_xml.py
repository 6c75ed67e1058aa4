"""Parses UA-DETRAC's annotations: one XML file per sequence."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Container, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias
from xml.etree import ElementTree
from xml.parsers import expat

import numpy as np

from stages.errors import ConfigError, reason_of
from stages.number_table import MAX_FLOAT32, MAX_FRAME
from stages.records import Float64Array, Int64Array
from tools.annotations.ignored import area_in_union

MAX_ID = 2**53

_Box: TypeAlias = tuple[float, float, float, float]


class _NodeError(Exception):
    """An element violates the format."""

    def __init__(self, node: ElementTree.Element, reason: str) -> None:
        super().__init__(reason)
        self.node = node


@dataclass(frozen=True, slots=True, eq=False)
class DetracAnnotation:
    """The annotation of a sequence, in file order.

    Attributes:
        name: Name of the sequence.
        frames: ``(N,)`` 1-based frame of each target.
        ids: ``(N,)`` id of each target.
        boxes: ``(N, 4)`` ltrb in pixels.
        hidden: ``(N,)`` the larger of the occluded and truncated fractions, in [0, 1].
        vehicle_types: N types; ``"vehicle"`` where the file does not specify one.
        regions: ``(R, 4)`` ltrb; nothing in them is annotated.
        annotated_frames: ``(F,)`` 1-based, ascending; other frames between the first and the last
            have no vehicles.
        weather: Weather; None if not specified.
        camera_state: Camera state; None if not specified.
    """

    name: str
    frames: Int64Array
    ids: Int64Array
    boxes: Float64Array
    hidden: Float64Array
    vehicle_types: tuple[str, ...]
    regions: Float64Array
    annotated_frames: Int64Array
    weather: str | None
    camera_state: str | None


def read_detrac_xml(path: Path, faults: list[str] | None = None) -> DetracAnnotation:
    """Reads the annotation of a sequence.

    Args:
        path: Annotation file.
        faults: If given, faulty targets, regions and frames are skipped and appended here as
            messages instead of raising.

    Raises:
        ConfigError: The file cannot be read or is malformed; the message names file and line.
    """
    root = _parse(path)
    frames, ids, boxes, types = [], [], [], []
    hidden: list[float] = []
    annotated: set[int] = set()
    lines: dict[ElementTree.Element, int] = {}

    def refuse(error: _NodeError, frame: int | None = None) -> None:
        lines.update(lines or _lines(path, root))
        about = "" if frame is None else f"frame {frame}: "
        fault = f"{path}:{lines[error.node]}: {about}{error}"
        if faults is None:
            raise ConfigError(fault) from None
        faults.append(fault)

    regions = []
    for node in root.iterfind("ignored_region/box"):
        try:
            regions.append(_box(node))
        except _NodeError as error:
            refuse(error)
    for frame_node in root.iter("frame"):
        try:
            frame = _frame(frame_node, annotated)
        except _NodeError as error:
            refuse(error)
            continue
        annotated.add(frame)
        outside: dict[int, float] = {}
        covered: defaultdict[int, list[_Box]] = defaultdict(list)
        for target in frame_node.iter("target"):
            try:
                identity = _identity(target, outside)
                box, truncated, vehicle_type, overlaps = _parts(target, identity)
            except _NodeError as error:
                refuse(error, frame)
                continue
            outside[identity] = truncated
            for behind, region in overlaps:
                covered[behind].append(region)
            frames.append(frame)
            ids.append(identity)
            boxes.append(box)
            types.append(vehicle_type)
        hidden += [
            max(_occlusion(covered[identity], box), share)
            for (identity, share), box in zip(outside.items(), boxes[len(hidden) :], strict=True)
        ]
    about = root.find("sequence_attribute")
    conditions = {} if about is None else about.attrib
    return DetracAnnotation(
        name=root.get("name") or path.stem,
        frames=np.array(frames, np.int64),
        ids=np.array(ids, np.int64),
        boxes=_array(boxes),
        hidden=np.array(hidden, np.float64),
        vehicle_types=tuple(types),
        regions=_array(regions),
        annotated_frames=np.array(sorted(annotated), np.int64),
        weather=conditions.get("sence_weather"),
        camera_state=conditions.get("camera_state"),
    )


def _parse(path: Path) -> ElementTree.Element:
    try:
        root = ElementTree.parse(path).getroot()
    except OSError as error:
        raise ConfigError(f"cannot read annotation {path}: {reason_of(error)}") from error
    except ElementTree.ParseError as error:
        line, column = error.position
        raise ConfigError(f"{path}:{line}: not well-formed XML (column {column})") from error
    except (LookupError, ValueError) as error:
        raise ConfigError(f"{path}:1: unknown encoding: {error}") from error
    if root.tag != "sequence":
        raise ConfigError(f"{path}: expected <sequence>, got <{root.tag}>")
    return root


def _frame(node: ElementTree.Element, known: Container[int]) -> int:
    frame = _whole(node, "num")
    if not 1 <= frame <= MAX_FRAME:
        raise _NodeError(node, f"num must lie between 1 and {MAX_FRAME}, got {frame}")
    if frame in known:
        raise _NodeError(node, f"frame {frame} occurs twice")
    return frame


def _identity(target: ElementTree.Element, known: Container[int]) -> int:
    identity = _whole(target, "id")
    if abs(identity) > MAX_ID:
        raise _NodeError(target, f"id must lie within ±{MAX_ID}, got {identity}")
    if identity in known:
        raise _NodeError(target, f"id {identity} occurs twice")
    return identity


def _array(boxes: Sequence[_Box]) -> Float64Array:
    return np.array(boxes, np.float64).reshape(-1, 4)


def _box(node: ElementTree.Element) -> _Box:
    left, top = _number(node, "left"), _number(node, "top")
    return left, top, left + _side(node, "width"), top + _side(node, "height")


def _side(node: ElementTree.Element, name: str) -> float:
    length = _number(node, name)
    if length < 0:
        raise _NodeError(node, f"{name} must not be negative, got {length:g}")
    return length


def _parts(
    target: ElementTree.Element, identity: int
) -> tuple[_Box, float, str, list[tuple[int, _Box]]]:
    """Returns box, truncated fraction, type, and overlaps with the id of the hidden target."""
    box: _Box | None = None
    truncated, vehicle_type = 0.0, "vehicle"
    overlaps: list[tuple[int, _Box]] = []
    for node in target:
        if node.tag == "box":
            box = _box(node)
        elif node.tag == "attribute":
            truncated, vehicle_type = _truncation(node), node.get("vehicle_type", "vehicle")
        elif node.tag == "occlusion":
            overlaps += [
                (_behind(each, identity), _box(each))
                for each in node
                if each.tag == "region_overlap" and "width" in each.attrib
            ]
    if box is None:
        raise _NodeError(target, "target without box")
    return box, truncated, vehicle_type, overlaps


def _behind(overlap: ElementTree.Element, identity: int) -> int:
    """Returns the id of the target hidden in the overlap: ``identity`` or the other one."""
    in_front = overlap.get("occlusion_status") == "1"
    return _whole(overlap, "occlusion_id") if in_front else identity


def _occlusion(covered: list[_Box], box: _Box) -> float:
    """Returns the occluded fraction of the box; areas covered several times count once."""
    area = (box[2] - box[0]) * (box[3] - box[1])
    if not covered or area <= 0:
        return 0.0
    if len(covered) == 1:  # as usual; faster without arrays
        [(left, top, right, bottom)] = covered
        width = max(0.0, min(box[2], right) - max(box[0], left))
        return width * max(0.0, min(box[3], bottom) - max(box[1], top)) / area
    return float(area_in_union(_array([box]), _array(covered))[0]) / area


def _truncation(node: ElementTree.Element) -> float:
    share = _number(node, "truncation_ratio") if "truncation_ratio" in node.attrib else 0.0
    if not 0 <= share <= 1:
        raise _NodeError(node, f"truncation_ratio must lie between 0 and 1, got {share:g}")
    return share


def _whole(node: ElementTree.Element, name: str) -> int:
    try:
        return int(node.attrib[name])
    except KeyError:
        raise _NodeError(node, f"attribute {name!r} is missing") from None
    except ValueError:
        given = node.attrib[name]
        raise _NodeError(node, f"{name} must be a whole number, got {given!r}") from None


def _number(node: ElementTree.Element, name: str) -> float:
    given = node.get(name)
    if given is None:
        raise _NodeError(node, f"attribute {name!r} is missing")
    try:
        number = float(given)
    except ValueError:
        number = math.nan
    if not abs(number) <= MAX_FLOAT32:
        raise _NodeError(node, f"{name} must be a finite number, got {given!r}")
    return number


def _lines(path: Path, root: ElementTree.Element) -> dict[ElementTree.Element, int]:
    """Returns the line where each element begins; slow, used only to report faults."""
    lines = []
    parser = expat.ParserCreate()
    parser.StartElementHandler = lambda *_: lines.append(parser.CurrentLineNumber)
    with path.open("rb") as file:
        parser.ParseFile(file)
    return dict(zip(root.iter(), lines, strict=True))
