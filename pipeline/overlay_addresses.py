"""The addresses in a config to which the overlays of live streams are sent."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, TypeAlias
from urllib.parse import quote

from pipeline.geometry import EVERY_STREAM
from pipeline.validators import Before
from stages.errors import SourceError
from stages.urls import reject_unreachable

_HOST_AND_PORT = re.compile(r"[^:/?]+:\d+|\[[^]]*\]:\d+")

FORMATS: dict[str, tuple[str, dict[str, str]]] = {
    "rtsp": ("rtsp", {"rtsp_transport": "tcp"}),
    "rtsps": ("rtsp", {"rtsp_transport": "tcp"}),
    "rtmp": ("flv", {"flvflags": "no_duration_filesize"}),
    "rtmps": ("flv", {"flvflags": "no_duration_filesize"}),
    "udp": ("mpegts", {}),
}
"""FFmpeg's format and its options, by scheme of the address."""


def overlay_address(addresses: Mapping[str, str], stream: str) -> str:
    """Returns the address to which ``sink.overlay_url`` sends a stream's overlay, "" for none."""
    if stream in addresses:
        return addresses[stream]
    shared = addresses.get(EVERY_STREAM, "")
    path, mark, query = shared.partition("?")
    return f"{path.removesuffix('/')}/{quote(stream)}{mark}{query}" if shared else ""


def _checked(value: object) -> dict[str, str]:
    """Returns the addresses by stream name; a single address is that of every stream."""
    given = {EVERY_STREAM: value} if isinstance(value, str) else value
    if not isinstance(given, dict):
        raise ValueError("must be an address, or have the form stream: address")
    addresses = {}
    for stream, url in given.items():
        scheme, mark, rest = str(url).partition("://")
        scheme = scheme.lower()  # FFmpeg knows only lower case
        if scheme not in FORMATS or not mark:
            begins = ", ".join(f"{each}://" for each in FORMATS)
            raise ValueError(f"an address must begin with one of {begins}")
        if stream == EVERY_STREAM and scheme == "udp":
            raise ValueError("a udp address has no room for names: give one for each stream")
        address = f"{scheme}://{rest}"
        if scheme == "udp" and not _HOST_AND_PORT.match(rest):
            raise ValueError("a udp address is udp://HOST:PORT")
        try:
            reject_unreachable(address)
        except SourceError as error:
            raise ValueError(str(error)) from error
        addresses[str(stream)] = address
    return addresses


OverlayAddresses: TypeAlias = Annotated[dict[str, str], Before(_checked)]
"""Addresses by stream name."""
