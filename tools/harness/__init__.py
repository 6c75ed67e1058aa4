"""A small run to observe or disturb: a generated video, an RTSP server, a supervisor."""
