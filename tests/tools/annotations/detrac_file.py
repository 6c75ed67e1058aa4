"""Annotation files of UA-DETRAC."""

from __future__ import annotations


def box(left: float, top: float, width: float, height: float) -> str:
    return f'<box left="{left}" top="{top}" width="{width}" height="{height}"/>'


def annotation(frames: str, name: str = "MVI_1", ignored: str = "") -> str:
    return f"""<?xml version="1.0" encoding="utf-8"?>
<sequence name="{name}">
  <sequence_attribute camera_state="stable" sence_weather="night"/>
  <ignored_region>{ignored}</ignored_region>
  {frames}
</sequence>
"""


def frame(number: int, *targets: str) -> str:
    listed = "".join(targets)
    density = len(targets)
    return (
        f'<frame num="{number}" density="{density}"><target_list>{listed}</target_list></frame>\n'
    )


def target(
    id_: int,
    left: float,
    top: float = 10,
    width: float = 10,
    height: float = 20,
    *,
    label: str = "car",
    overlaps: str = "",
    cut: float = 0,
) -> str:
    occlusion = f"<occlusion>{overlaps}</occlusion>" if overlaps else ""
    return f"""<target id="{id_}">{box(left, top, width, height)}
<attribute truncation_ratio="{cut}" vehicle_type="{label}"/>{occlusion}</target>"""


def overlap(
    left: float, top: float = 10, width: float = 10, height: float = 20, *, status: int = 0
) -> str:
    """Returns the region that a target shares with target 2, which hides it if the status is 0."""
    return f"""<region_overlap occlusion_id="2" occlusion_status="{status}"
left="{left}" top="{top}" width="{width}" height="{height}"/>"""
