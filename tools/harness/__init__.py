"""A small run to watch or to harm: video made on the spot, an RTSP server, a supervisor."""
