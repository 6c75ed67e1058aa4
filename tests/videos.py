"""Looks into videos that were written."""

import av


def frames_in(video):
    """How many frames a video has, all of which can be decoded."""
    with av.open(str(video)) as container:
        return sum(1 for _ in container.decode(video=0))
