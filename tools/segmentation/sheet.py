"""A contact sheet of masks."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2

from stages.atomic import make_folder, writing
from stages.errors import ConfigError
from stages.records import UInt8Array
from tools.datasets.contact_sheet import contact_sheet
from tools.datasets.sample import Sample
from tools.datasets.spread import spread_samples
from tools.segmentation.frames import Frames, VideoFrames, folder_samples
from tools.segmentation.plan import Plan


def mask_sheet(plan: Plan, count: int) -> UInt8Array:
    """Draws ``count`` frames, spread over all sequences, with their masks.

    Raises:
        ConfigError: There is no mask.
        OutputError: Frames of a video cannot be written for the sheet.
    """
    with tempfile.TemporaryDirectory() as folder:
        samples = [each for each in plan.samples if each.mask is not None and each.mask.is_file()]
        samples += _video_samples(plan.sequences, count, Path(folder))
        if not samples:
            raise ConfigError("no mask was written, so there is none to draw on a sheet")
        return contact_sheet(spread_samples(samples, count))


def _video_samples(sequences: Sequence[Frames], count: int, folder: Path) -> list[Sample]:
    """Returns frames of videos as samples, written into ``folder`` for the sheet to read."""
    samples: list[Sample] = []
    for frames in sequences:
        if not isinstance(frames, VideoFrames):
            continue
        every = max(1, len(frames.masks()) // count)
        for frame in frames.read(every):
            if not frame.mask.is_file():
                continue
            image = folder / frames.name / f"{frame.mask.stem}.png"
            _, data = cv2.imencode(".png", frame.image, [cv2.IMWRITE_PNG_COMPRESSION, 1])
            make_folder(image.parent)
            with writing(image):
                image.write_bytes(data.tobytes())
            found, _ = folder_samples(frames.name, [image])
            number = int(frame.mask.stem.removeprefix("img"))
            samples += [replace(sample, mask=frame.mask, frame=number) for sample in found]
    return samples
