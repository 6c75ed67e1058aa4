"""The help text of all options named ``--config``."""

CONFIG_HELP = "YAML file, or one of demo, intersection, uav, rtsp, detrac, uavdt."
