"""What options about configs take, said in one way."""

from typing import Literal, TypeAlias

CONFIG_HELP = "YAML file, or one of demo, intersection, uav, rtsp, detrac, uavdt."
"""Of all options named ``--config``."""

TrackerName: TypeAlias = Literal["sort", "bytetrack", "ocsort", "spottrack"]
"""What options named ``--tracker`` take: the keys of `trackers.TRACKERS`."""
