"""Opens the stream that a command draws on."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from pipeline.config import DecoderConfig
from stages.bgr import to_bgr
from stages.decoder.live_options import LiveOptions
from stages.decoder.locations import SourceSpec, expand_sources, is_live
from stages.decoder.source import FrameSelection, HeapAllocator, Source, SourceRuntime
from stages.decoder.sources import open_source
from stages.errors import ConfigError, SourceError
from stages.records import Frame, FrameHeader, UInt8Array


def one_stream(source: str) -> SourceSpec:
    """Returns the one stream that a source is.

    Raises:
        ConfigError: The source holds several streams.
        SourceError: See `expand_sources`.
    """
    specs = expand_sources([source])
    if len(specs) > 1:
        names = ", ".join([*(spec.name for spec in specs[:3]), *(["…"] if len(specs) > 3 else [])])
        raise ConfigError(f"{source} holds {len(specs)} streams ({names}); give the path of one")
    return specs[0]


def refuse_in_source(output: Path, spec: SourceSpec) -> None:
    """Refuses an output in the source's own folder, which it would change as a source.

    An image would change the numbers of the others; beside a video, they are not read at all.
    """
    if output.resolve().parent == Path(spec.location).resolve():
        raise ConfigError(f"output {output} would be in the source; choose another folder")


def opened(
    spec: SourceSpec,
    config: DecoderConfig,
    selection: FrameSelection,
    notify: Callable[[str], None],
) -> Source:
    """Opens a source; a live one ends when its connection breaks."""
    live = LiveOptions(timeout=config.timeout, reconnect=False, transport=config.transport)
    if config.connect_seconds is not None:
        live = replace(live, connect_seconds=config.connect_seconds)
    return open_source(
        spec,
        selection=selection,
        frame_rate=Fraction(config.frame_rate),
        live=live,
        hardware=config.hardware,
        runtime=SourceRuntime(notify=notify),
    )


def first_frame(
    spec: SourceSpec, config: DecoderConfig, notify: Callable[[str], None]
) -> tuple[FrameHeader, UInt8Array]:
    """Returns the first frame of a live source, or a recorded one's first from ``first_frame`` on.

    Returns:
        Its header, and its pixels: ``(H, W, 3)`` uint8 BGR.

    Raises:
        SourceError: The source cannot be opened, or has no such frame that can be decoded.
    """
    first = 1 if is_live(spec.location) else config.first_frame
    source = opened(spec, config, FrameSelection(first), notify)
    with contextlib.closing(source.records(HeapAllocator())) as records:
        for record in records:
            if isinstance(record, Frame):
                header = record.header
                return header, to_bgr(record.required_pixels(), header.pixel_format)
    raise SourceError(f"{spec.name} has no frame {first}")
