"""What options named ``--config`` take, said in one way."""

CONFIG_HELP = "YAML file, or one of demo, intersection, uav, rtsp, detrac, uavdt."
