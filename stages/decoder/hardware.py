"""Video decoding outside the CPU, where the machine has something for it."""

from __future__ import annotations

import functools

import av.error
from av.codec import Codec
from av.codec.hwaccel import HWAccel, hwdevices_available


def hardware_decoder(wanted: str) -> HWAccel | None:
    """What PyAV needs to decode on a device; None where that is not wanted or not there.

    Streams whose codec the device does not know, PyAV decodes on the CPU all the same; the codec
    context's ``is_hwaccel`` tells.

    Args:
        wanted: ``"off"``, a kind of device as FFmpeg calls it, or ``"auto"`` for the first that is
            there.
    """
    if wanted == "off":
        return None
    kinds = hwdevices_available() if wanted == "auto" else [wanted]
    found = next((kind for kind in kinds if _opens(kind)), None)
    return None if found is None else HWAccel(found, allow_software_fallback=True)


@functools.cache
def _opens(kind: str) -> bool:
    """Whether a device of this kind is there and decodes H.264."""
    try:
        HWAccel(kind).create(Codec("h264", "r"))
    except av.error.FFmpegError:  # there is no such device
        return False
    except NotImplementedError:  # PyAV's answer where FFmpeg decodes no H.264 on that kind
        return False
    return True
