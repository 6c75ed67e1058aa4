"""Frames for the tests of detectors."""

from fractions import Fraction

import cv2
import numpy as np

from stages.records import Frame, FrameHeader, PixelFormat


def yuv_frame(height, width, seed):
    """Returns a frame of noise."""
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    header = FrameHeader(
        "s", 0, seed, seed, 0, Fraction(1, 25), 0, height, width, PixelFormat.YUV420P
    )
    return Frame(header, cv2.cvtColor(noise, cv2.COLOR_BGR2YUV_I420))
