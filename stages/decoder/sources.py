"""From what the user types after ``--source`` to streams."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from stages.decoder.image_folder import ImageFolderSource, image_files
from stages.decoder.media import MediaSource, redact
from stages.decoder.scene import SceneConfig
from stages.decoder.scene_source import SceneSource
from stages.decoder.source import FrameSelection, Source
from stages.errors import SourceError

DEMO = "demo"
"""Location of the rendered scene that `spotstream run` shows where it is given no source."""

DEMO_SCENE = SceneConfig(seed=1)


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """One stream to be: its name, where it comes from, and the benchmark it belongs to."""

    name: str
    location: str
    layout: str = ""


def expand_sources(locations: Sequence[str]) -> list[SourceSpec]:
    """One spec per source; a data set's root gives one per sequence, names unique.

    Raises:
        SourceError: A path does not exist or holds nothing to read.
    """
    specs: list[SourceSpec] = []
    for location in locations:
        for name, place, layout in _expand(location):
            clean = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") or "stream"
            taken = {spec.name for spec in specs}
            unique, count = clean, 2
            while unique in taken:
                unique, count = f"{clean}-{count}", count + 1
            specs.append(SourceSpec(unique, place, layout))
    return specs


def open_source(
    spec: SourceSpec, selection: FrameSelection, frame_rate: Fraction = Fraction(25)
) -> Source:
    """The source of a spec; ``frame_rate`` is for images, which have none of their own."""
    if spec.location == DEMO:
        return SceneSource(DEMO_SCENE, name=spec.name, selection=selection)
    path = Path(spec.location)
    is_images = "://" not in spec.location and (
        path.is_dir() or path.suffix.lower() in {".jpg", ".jpeg", ".png", ".bmp", ".webp"}
    )
    if is_images:
        return ImageFolderSource(
            path, name=spec.name, selection=selection, frame_rate=frame_rate, layout=spec.layout
        )
    return MediaSource(spec.location, name=spec.name, selection=selection, layout=spec.layout)


def _expand(location: str) -> list[tuple[str, str, str]]:
    if location == DEMO:
        return [(DEMO, DEMO, "")]
    if "://" in location:
        return [(redact(location).split("://", 1)[1], location, "")]
    path = Path(location).expanduser()
    if not path.exists():
        raise SourceError(f"no such source: {location}")
    if not path.is_dir():
        return [(path.stem, str(path), "")]
    if image_files(path):
        return [(path.resolve().name, str(path), "")]
    sequences = [folder for folder in sorted(path.iterdir()) if folder.is_dir()]
    found = [(s.name, str(s), _layout(s.name)) for s in sequences if image_files(s)]
    if not found:
        raise SourceError(f"{location} holds neither images nor sequences (folders of images)")
    return found


def _layout(sequence: str) -> str:
    if sequence.startswith("MVI_"):
        return "detrac"
    return "uavdt" if re.fullmatch(r"M\d{4}", sequence) else ""
