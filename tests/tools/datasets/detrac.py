"""Sequences in the layout of UA-DETRAC."""

from __future__ import annotations

from pathlib import Path

from tests.tools.datasets.conftest import write_image

XML = """<?xml version="1.0" encoding="utf-8"?>
<sequence name="{name}">
  <sequence_attribute camera_state="stable" sence_weather="night"/>
  <ignored_region><box left="80" top="0" width="40" height="10"/></ignored_region>
  {frames}
</sequence>
"""
FRAME = '<frame num="{number}" density="1"><target_list>{targets}</target_list></frame>\n'
TARGET = """<target id="{id}"><box left="{left}" top="10" width="{width}" height="20"/>
<attribute truncation_ratio="{truncation}" vehicle_type="{label}"/>{more}</target>"""
OVERLAP = """<occlusion><region_overlap occlusion_id="2" occlusion_status="{status}"
left="{left}" top="10" width="{width}" height="20"/></occlusion>"""
IMAGES = "DETRAC-train-data/Insight-MVT_Annotation_Train"
ANNOTATIONS = "DETRAC-Train-Annotations-XML"


def target(
    id_: int, left: float, width: float = 10, label: str = "car", more: str = "", cut: float = 0
) -> str:
    return TARGET.format(id=id_, left=left, width=width, label=label, more=more, truncation=cut)


def write_sequence(root: Path, name: str, frames: dict[int, str], images: int) -> None:
    text = "".join(FRAME.format(number=n, targets=t) for n, t in frames.items())
    (root / ANNOTATIONS).mkdir(parents=True, exist_ok=True)
    (root / ANNOTATIONS / f"{name}.xml").write_text(XML.format(name=name, frames=text))
    for number in range(1, images + 1):
        write_image(root / IMAGES / name / f"img{number:05d}.jpg")
