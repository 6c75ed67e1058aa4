"""Reading of UA-DETRAC's annotations: one XML file for each sequence."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from stages.errors import ConfigError
from stages.number_table import LARGEST, MAX_FRAME
from tools.evaluation.ground_truth import GroundTruth
from tools.evaluation.ignored import IgnoredRegions, area_in_union
from tools.evaluation.trajectories import Trajectories

LEVELS = ("easy", "medium", "hard")
LARGEST_ID = 2**53
PARTLY = 0.5  # up to so much of a vehicle may be hidden or outside on level medium


def read_detrac(path: Path) -> GroundTruth:
    """Reads the annotation of a sequence.

    The level of a vehicle is by the greater of its occluded share and its truncated share: easy
    where both are 0, medium up to one half, hard beyond, after the degrees of occlusion of the
    benchmark's paper (arXiv 1511.04136). The last annotated frame is taken for the last of the
    sequence.

    Raises:
        ConfigError: The file cannot be read or is not of the format; the message names the file
            and, where there is one, the frame.
    """
    try:
        root = ElementTree.parse(path).getroot()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ConfigError(f"cannot read annotation {path}: {reason}") from error
    except ElementTree.ParseError as error:
        line, column = error.position
        raise ConfigError(f"{path}:{line}: not well-formed XML (column {column})") from error
    except (LookupError, ValueError) as error:
        raise ConfigError(f"{path}:1: unknown encoding: {error}") from error
    if root.tag != "sequence":
        raise ConfigError(f"{path}: expected <sequence>, got <{root.tag}>")
    frames, ids, boxes, hidden = [], [], [], []
    frame, last = None, 0
    try:
        regions = [_box(node) for node in root.findall("ignored_region/box")]
        for frame_node in root.iter("frame"):
            frame = int(frame_node.attrib["num"])
            if not 1 <= frame <= MAX_FRAME:
                raise ValueError(f"num must lie between 1 and {MAX_FRAME}")
            last = max(last, frame)
            present: set[int] = set()
            for target in frame_node.iter("target"):
                node = target.find("box")
                if node is None:
                    raise ValueError("target without box")
                box = _box(node)
                identity = int(target.attrib["id"])
                if abs(identity) > LARGEST_ID:
                    raise ValueError(f"id {identity} is too large")
                if identity in present:
                    raise ValueError(f"id {identity} stands twice")
                present.add(identity)
                frames.append(frame - 1)
                ids.append(identity)
                boxes.append(box)
                hidden.append(max(_occlusion(target, box), _truncation(target)))
        tracks = Trajectories.from_arrays(frames, ids, boxes)
    except (KeyError, ValueError) as error:
        place = path if frame is None else f"{path}:{_line_of(path, frame)}: frame {frame}"
        reason = f"attribute {error} is missing" if isinstance(error, KeyError) else str(error)
        raise ConfigError(f"{place}: {reason}") from None
    order = np.lexsort((np.array(ids, np.int64), np.array(frames, np.int64)))
    share = np.array(hidden)[order]
    attributes = root.find("sequence_attribute")
    weather = None if attributes is None else attributes.get("sence_weather")
    return GroundTruth(
        name=root.get("name") or path.stem,
        frame_count=last,
        tracks=tracks,
        objects=tracks,
        ignored=IgnoredRegions(np.array(regions, np.float64).reshape(-1, 4)),
        levels=dict(
            zip(LEVELS, (share == 0, (share > 0) & (share <= PARTLY), share > PARTLY), strict=True)
        ),
        conditions={} if weather is None else {"weather": weather},
    )


def _box(node: ElementTree.Element) -> tuple[float, float, float, float]:
    left, top, width, height = (
        float(node.attrib[key]) for key in ("left", "top", "width", "height")
    )
    if not (np.abs([left, top, width, height]) <= LARGEST).all() or width < 0 or height < 0:
        raise ValueError(f"box {left:g}, {top:g}, {width:g}, {height:g} is none")
    return left, top, left + width, top + height


def _occlusion(target: ElementTree.Element, box: tuple[float, float, float, float]) -> float:
    """Share of the box that lies behind others."""
    area = (box[2] - box[0]) * (box[3] - box[1])
    nodes = target.iterfind("occlusion/region_overlap")
    regions = [_box(node) for node in nodes if "width" in node.attrib]
    if not regions or area <= 0:
        return 0.0
    return float(area_in_union(np.array([box]), np.array(regions))[0] / area)


def _truncation(target: ElementTree.Element) -> float:
    attribute = target.find("attribute")
    share = 0.0 if attribute is None else float(attribute.get("truncation_ratio", 0.0))
    if not 0 <= share <= 1:
        raise ValueError(f"truncation_ratio must lie between 0 and 1, got {share:g}")
    return share


def _line_of(path: Path, frame: int) -> int:
    """Where the frame begins; slow, used once something is known to be wrong."""
    begins = re.compile(rf"""<frame\b[^>]*\bnum=["']{frame}["']""")
    with path.open(encoding="utf-8", errors="replace") as lines:
        return next((number for number, line in enumerate(lines, 1) if begins.search(line)), 1)
