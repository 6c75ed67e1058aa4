"""Help texts and types shared by the options about configs."""

from typing import Literal, TypeAlias

CONFIG_HELP = "YAML file, or one of demo, intersection, uav, rtsp, detrac, uavdt."
"""Help text of every ``--config`` option."""

TrackerName: TypeAlias = Literal["sort", "bytetrack", "ocsort", "spottrack"]
"""Values of ``--tracker`` options: the keys of `trackers.TRACKERS`."""
