"""The tracker stage: detections in, tracks out, one tracker for each stream."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from stages.errors import ConfigError, SpotStreamError
from stages.records import Detections, FrameHeader, Tracks
from trackers import Tracker, build_tracker
from trackers.tracker import TrackError


class TrackerStage:
    """Tracks any number of streams concurrently.

    The tracks of a stream depend only on its detections and their headers: replaying them from the
    first frame yields the same tracks and ids.
    """

    def __init__(self, name: str, settings: Mapping[str, object], every: int = 1) -> None:
        """Checks name and settings; trackers are built as streams appear.

        Args:
            name: Name of the tracker, see `trackers.tracker_class`.
            settings: Its settings, see `trackers.default_settings`.
            every: Every n-th frame of the source is processed, see `FrameSelection`; at least 1.

        Raises:
            ConfigError: The name or a setting is unknown, or a number is out of range.
        """
        if every < 1:
            raise ConfigError(f"every must be at least 1, got {every}")
        self._name = name
        self._build = partial(build_tracker, name, **settings)
        self._every = every
        self._trackers: dict[str, Tracker] = {}
        self._latest: dict[str, FrameHeader] = {}
        try:
            self._build()
        except ValueError as error:
            raise ConfigError(str(error)) from None

    def process(self, detections: Detections) -> Tracks:
        """Tracks one frame; must be called once for every received frame of a stream, in order.

        Missing frame numbers, because frames were dropped or an image sequence lacks them, count as
        ``unseen`` in `Tracker.update`. A new epoch starts without tracks, since the length of the
        interruption is unknown; ids continue.

        Raises:
            ValueError: The detections are malformed (wrong shape, not finite); the message names
                the stream and frame. The tracker's state is then unchanged.
            SpotStreamError: A tracker of the user's own returned something that cannot be tracks.
        """
        frame = detections.frame
        tracker = self._tracker(frame.stream)
        latest = self._latest.get(frame.stream, frame)
        unseen = max(0, (frame.index - latest.index) // self._every - 1)
        if latest.epoch != frame.epoch:
            tracker.reset()
            unseen = 0
        try:
            tracked = tracker.update(
                detections.boxes,
                detections.scores,
                detections.classes,
                detections.motion,
                (frame.width, frame.height) if frame.width and frame.height else None,
                unseen,
            )
        except ValueError as error:
            of_stream = f"stream {frame.stream}, " if frame.stream else ""
            where = f"{of_stream}frame {frame.number}"
            if isinstance(error, TrackError):  # again in every attempt
                raise SpotStreamError(f"{where}: tracker {self._name!r}: {error}") from error
            raise ValueError(f"{where}: {error}") from error
        self._latest[frame.stream] = frame
        return Tracks(detections, tracked.boxes, tracked.scores, tracked.classes, tracked.ids)

    def next_id(self, stream: str) -> int:
        """Returns the lowest id that was never assigned in ``stream``."""
        return self._tracker(stream).next_id

    def skip_ids(self, stream: str, next_id: int) -> None:
        """Skips the ids below ``next_id``, which an earlier tracker process assigned."""
        self._tracker(stream).skip_ids(next_id)

    def _tracker(self, stream: str) -> Tracker:
        if stream not in self._trackers:
            self._trackers[stream] = self._build()
        return self._trackers[stream]

    def close(self, stream: str) -> None:
        """Forgets ``stream``, which has ended; does nothing if the stream is unknown."""
        self._trackers.pop(stream, None)
        self._latest.pop(stream, None)
