"""How a live source connects, reconnects and gives up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from stages.urls import is_session


@dataclass(frozen=True, slots=True)
class LiveOptions:
    """How a live source behaves.

    Attributes:
        timeout: Seconds without a byte after which a connection counts as broken.
        connect_seconds: Seconds to try the first connection before the source fails.
        reconnect: Whether to reconnect after an outage; otherwise the first one ends the stream.
        transport: Transport of RTSP: ``tcp``, ``udp``, or ``auto`` for UDP only from a camera that
            refuses TCP; encrypted cameras then get TCP alone.
        first_wait: Seconds before the first attempt to reconnect; doubled with every failure.
        longest_wait: Upper limit of that wait, so that a source is read soon after it is back.
        refused_wait: Seconds to wait after a failure that a retry is unlikely to cure, such as a
            wrong password.
        patient: Whether to retry a wrong password at the first connection as well: a camera that is
            starting may refuse the right one.
    """

    timeout: float = 5.0
    connect_seconds: float = 10.0
    reconnect: bool = True
    transport: Literal["auto", "tcp", "udp"] = "auto"
    first_wait: float = 0.5
    longest_wait: float = 1.5
    refused_wait: float = 60.0
    patient: bool = False

    def for_ffmpeg(self, location: str) -> dict[str, str]:
        """Returns FFmpeg's options for a URL or RTP session: timeouts and little buffering."""
        microseconds = str(round(self.timeout * 1e6))
        # Probing many frames for the frame rate would delay the first one by 0.8 s.
        options = {"flags": "low_delay", "fpsprobesize": "0"}
        protocol = location.partition("://")[0]
        flash = protocol in ("rtmp", "rtmps") or location.partition("?")[0].endswith(".flv")
        if flash or protocol in ("rtsp", "rtsps") or is_session(location):
            # FFmpeg would wait five seconds for audio or a second video that does not arrive.
            options["analyzeduration"] = "500000"
        # FFmpeg uses the first, in seconds; `timeout_of` reads the second.
        timeouts = {"listen_timeout": f"{self.timeout:f}", "rw_timeout": microseconds}
        if is_session(location):
            return options | timeouts | {"protocol_whitelist": "file,rtp,udp"}
        match protocol:
            case "rtsp" if self.transport == "auto":
                either = {"rtsp_transport": "tcp+udp", "rtsp_flags": "prefer_tcp"}
                return options | either | {"timeout": microseconds}
            case "rtsp" | "rtsps":
                chosen = "udp" if self.transport == "udp" else "tcp"
                return options | {"rtsp_transport": chosen, "timeout": microseconds}
            case "udp":
                return options | {"timeout": microseconds, "overrun_nonfatal": "1"}
            case "rtp":
                return options | timeouts
            case "rtmp" | "rtmps":  # FFmpeg waits twice
                return options | {"rw_timeout": str(round(self.timeout * 1e6 / 2))}
            case _:
                if location.partition("?")[0].endswith(".m3u8"):
                    # Otherwise, a stall is waited out twice, again for the next segment.
                    options["http_persistent"] = "0"
                    # Otherwise, nothing arrives any more once stream numbers (PIDs) have changed.
                    options["seg_format_options"] = "merge_pmt_versions=1"
                return options | {"rw_timeout": microseconds}
