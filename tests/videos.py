"""Inspects written videos."""

import av


def frames_in(video):
    """Returns how many frames of a video can be decoded."""
    with av.open(str(video)) as container:
        return sum(1 for _ in container.decode(video=0))
