"""Writes scenes as in UA-DETRAC: ``images/NAME``, ``annotations/NAME.xml``, ``masks/NAME``."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from stages.atomic import write_atomically
from stages.records import Float64Array
from tools.synth.scene_folder import SceneFolder
from tools.synth.truth import FrameTruth, SceneTruth

VEHICLE_TYPES = ("car", "van", "others", "bus")
"""In the order of ``Scene.class_names``: car, van, truck, bus."""
_MIN_HIDDEN = 0.005  # minimum hidden share for which an occlusion is written


class DetracWriter:
    """Writes one scene, which counts as complete once its annotation exists.

    Args:
        root: Root of the data set.
        name: Name of the scene.
    """

    def __init__(self, root: Path, name: str) -> None:
        self._annotation = root / "annotations" / f"{name}.xml"
        self._images = SceneFolder(root / "images" / name)
        self._masks = SceneFolder(root / "masks" / name)

    @staticmethod
    def is_complete(root: Path, name: str) -> bool:
        """Returns whether the scene was written before."""
        return (
            (root / "annotations" / f"{name}.xml").is_file()
            and (root / "images" / name).is_dir()
            and (root / "masks" / name).is_dir()
        )

    def add(self, number: int, jpeg: bytes, mask: bytes) -> None:
        """Writes an image, whose number counts from 1, and its mask, a PNG."""
        self._images.write(f"img{number:05d}.jpg", jpeg)
        self._masks.write(f"img{number:05d}.png", mask)

    def commit(self, truth: SceneTruth) -> None:
        """Writes the annotation and completes the scene."""
        self._images.commit()
        self._masks.commit()
        write_atomically(self._annotation, detrac_xml(truth))

    def discard(self) -> None:
        """Removes incomplete files."""
        self._images.discard()
        self._masks.discard()


def detrac_xml(truth: SceneTruth) -> str:
    """Returns the annotation of a scene, including images without vehicles."""
    root = ElementTree.Element("sequence", name=truth.name)
    ElementTree.SubElement(
        root,
        "sequence_attribute",
        camera_state="stable" if truth.stable else "unstable",
        sence_weather=truth.weather,
    )
    ignored = ElementTree.SubElement(root, "ignored_region")
    for region in truth.regions:
        ElementTree.SubElement(ignored, "box", _sides(region))
    numbers, counts = np.unique(
        np.concatenate([frame.ids for frame in truth.frames]), return_counts=True
    )
    lengths = dict(zip(numbers.tolist(), counts.tolist(), strict=True))
    for number, frame in enumerate(truth.frames, 1):
        node = ElementTree.SubElement(root, "frame", density=str(len(frame.ids)), num=str(number))
        targets = ElementTree.SubElement(node, "target_list")
        for row, identity in enumerate(frame.ids.tolist()):
            target = ElementTree.SubElement(targets, "target", id=str(identity))
            ElementTree.SubElement(target, "box", _sides(frame.boxes[row]))
            ElementTree.SubElement(
                target,
                "attribute",
                trajectory_length=str(lengths[identity]),
                truncation_ratio=f"{frame.truncation[row]:.3f}",
                vehicle_type=VEHICLE_TYPES[frame.classes[row]],
            )
            _add_occlusion(target, frame, row)
    ElementTree.indent(root, "   ")
    body = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{body}\n'


def _add_occlusion(target: ElementTree.Element, frame: FrameTruth, row: int) -> None:
    hidden = 1.0 - float(frame.visibility[row])
    if hidden < _MIN_HIDDEN:
        return
    occluder = int(frame.occluders[row])
    node = ElementTree.SubElement(target, "occlusion")
    ElementTree.SubElement(
        node,
        "region_overlap",
        _sides(hidden_region(frame.boxes[row], frame.overlaps[row], hidden)),
        occlusion_id=str(occluder or -1),
        occlusion_status="0" if occluder else "-1",
    )


def hidden_region(box: Float64Array, overlap: Float64Array, hidden: float) -> Float64Array:
    """Returns the part of a box that is annotated as hidden.

    UA-DETRAC annotates rectangles, but hidden parts can have any shape. The extent of the hidden
    part is therefore scaled about its centre until its share of the box equals the hidden share of
    the vehicle.

    Args:
        box: ltrb.
        overlap: ltrb of the extent of the hidden part; if it is empty, the box is used instead.
        hidden: The hidden share, in [0, 1].

    Returns:
        ltrb, inside the box.
    """
    outer = np.asarray(box, np.float64)
    part = np.clip(np.asarray(overlap, np.float64), np.tile(outer[:2], 2), np.tile(outer[2:], 2))
    if (part[2:] <= part[:2]).any():
        part = outer.copy()
    size, full = part[2:] - part[:2], outer[2:] - outer[:2]
    wanted = hidden * full.prod()
    scaled = size * np.sqrt(wanted / size.prod())
    # A side longer than the box's is cut to it, and the other side is lengthened to compensate.
    if scaled[0] > full[0]:
        scaled = np.array([full[0], wanted / full[0]])
    elif scaled[1] > full[1]:
        scaled = np.array([wanted / full[1], full[1]])
    scaled = np.minimum(scaled, full)
    first = np.clip((part[:2] + part[2:] - scaled) / 2, outer[:2], outer[2:] - scaled)
    return np.concatenate([first, first + scaled])


def _sides(box: Float64Array) -> dict[str, str]:
    left, top, right, bottom = np.round(box.astype(np.float64), 2).tolist()
    return {
        "left": f"{left:.2f}",
        "top": f"{top:.2f}",
        "width": f"{right - left:.2f}",
        "height": f"{bottom - top:.2f}",
    }
