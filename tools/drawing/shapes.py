"""What a config places on a stream's frames: lines, zones, regions and the ground."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple, Self

import numpy as np

from pipeline.config import RunConfig
from pipeline.geometry import Region, ground_of, ignored_in, reference_of, region_of, shapes_of
from stages.decoder.reference_view import ReferenceView
from stages.records import Frame, UInt8Array, View
from stages.sink.crossings import Line, line_faults
from stages.sink.ground import Ground, GroundPlane, ground_faults
from stages.sink.lens import LensEdges
from stages.sink.places import Point
from stages.sink.zones import Zone, zone_faults
from stages.views import to_frame


class Shapes(NamedTuple):
    """What a config places on the frames of one stream, all in pixels of its frames.

    Attributes:
        lines: Lines by name.
        zones: Zones by name.
        ground: The ground, if it is known.
        edges: The edges of its lens, if it has one.
        ignored: Regions where detections do not count.
        searched: Region that the detector searches; None for the whole frame.
    """

    lines: Mapping[str, Line]
    zones: Mapping[str, Zone]
    ground: Ground | None
    edges: LensEdges | None
    ignored: tuple[Region, ...]
    searched: Region | None

    @classmethod
    def of(cls, config: RunConfig, stream: str) -> Self:
        """Returns the shapes of a stream in a config."""
        ground = ground_of(config.sink.ground, stream)
        return cls(
            shapes_of(config.sink.lines, stream),
            shapes_of(config.sink.zones, stream),
            ground,
            None if ground is None else ground.lens,
            tuple(ignored_in(config.detector.ignored, stream)),
            region_of(config.detector.regions, stream),
        )

    def faults(self, height: int, width: int) -> Iterator[str]:
        """Yields a message for each line, zone or ground that does not fit frames of this size."""
        yield from line_faults(self.lines, height, width)
        yield from zone_faults(self.zones, height, width)
        yield from ground_faults(self.ground, height, width)

    def seen(self, view: View) -> Self:
        """Returns the shapes with those of the picture of a moving camera where a frame shows them.

        Lines, zones and ground points that are not in front of the camera are left out, as are the
        edges of a lens.

        Args:
            view: The frame's view; empty to leave out all of them.
        """
        lines = {name: _moved(view, line[:2], line[2:]) for name, line in self.lines.items()}
        zones = {name: _moved(view, *zone) for name, zone in self.zones.items()}
        return self._replace(
            lines={name: (*ends[0], *ends[1]) for name, ends in lines.items() if ends},
            zones={name: corners for name, corners in zones.items() if corners},
            ground=self._seen_ground(view),
            edges=None,
        )

    def _seen_ground(self, view: View) -> Ground | None:
        if self.ground is None:
            return None
        pixels = _moved(view, *(point[:2] for point in self.ground.points))
        if not pixels:
            return None
        moved = tuple(
            (*at, *point[2:]) for at, point in zip(pixels, self.ground.points, strict=True)
        )
        seen = replace(self.ground, points=moved)
        try:
            GroundPlane(seen)
            return seen
        except ValueError:  # too far away: a pixel covers more than a metre
            return None


def shapes_on(
    image: UInt8Array, config: RunConfig, stream: str, notify: Callable[[str], None]
) -> Shapes:
    """Returns the shapes of a stream where an image shows them.

    Args:
        image: A frame of the stream, ``(H, W, 3)`` uint8 BGR.
        config: The config; with ``decoder.reference`` for the stream, lines, zones and the ground
            are on that picture.
        stream: Name of the stream.
        notify: Called with one line for each shape that does not fit the frames, as in a run, and
            if the image does not show the view of the picture.

    Raises:
        SourceError: The picture cannot be used.
    """
    shapes = Shapes.of(config, stream)
    picture = reference_of(config.decoder.reference, stream)
    reference = ReferenceView(picture) if picture else None
    for fault in shapes.faults(*(reference.size if reference else image.shape[:2])):
        notify(fault)
    if reference is None:
        return shapes
    view = reference.find(Frame.of_image(image, stream))
    if not view:
        notify(f"the frame does not show the view of {picture}: what is on it is not drawn")
    return shapes.seen(view)


def _moved(view: View, *points: Point) -> tuple[Point, ...]:
    """Returns points of the picture where a frame shows them; none if one is behind the camera."""
    found = to_frame(view, np.array(points))
    return tuple((x, y) for x, y in found.tolist()) if np.isfinite(found).all() else ()
