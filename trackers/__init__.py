"""Tracking algorithms as plain libraries: numpy in, numpy out."""

from trackers.bytetrack import ByteTrack
from trackers.ocsort import OCSort
from trackers.registry import TRACKERS, build_tracker, default_settings, tracker_class
from trackers.sort import Sort
from trackers.spottrack import SpotTrack
from trackers.tracker import TrackedBoxes, Tracker

__all__ = [
    "TRACKERS",
    "ByteTrack",
    "OCSort",
    "Sort",
    "SpotTrack",
    "TrackedBoxes",
    "Tracker",
    "build_tracker",
    "default_settings",
    "tracker_class",
]
