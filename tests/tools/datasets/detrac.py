"""Sequences in UA-DETRAC's folder layout."""

from __future__ import annotations

from pathlib import Path

from tests.tools.annotations.detrac_file import annotation, box, frame
from tests.tools.datasets.conftest import write_image

IMAGES = "DETRAC-train-data/Insight-MVT_Annotation_Train"
ANNOTATIONS = "DETRAC-Train-Annotations-XML"


def write_sequence(root: Path, name: str, frames: dict[int, str], images: int) -> None:
    text = "".join(frame(number, targets) for number, targets in frames.items())
    (root / ANNOTATIONS).mkdir(parents=True, exist_ok=True)
    (root / ANNOTATIONS / f"{name}.xml").write_text(annotation(text, name, box(80, 0, 40, 10)))
    for number in range(1, images + 1):
        write_image(root / IMAGES / name / f"img{number:05d}.jpg")
