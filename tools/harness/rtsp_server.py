"""A GStreamer RTSP server for tests; runs under Debian's own Python, which has ``gi``.

Prints the port it listens on; ``/live`` is a moving ball. With ``--received``, what clients send to
``/sent`` goes into that file, as MPEG-TS.
"""

import argparse

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gio, GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402

parser = argparse.ArgumentParser()
parser.add_argument("--port", default="0")
parser.add_argument("--size", default="160x96")
parser.add_argument("--password")
parser.add_argument("--certificate", help="PEM file with its key; the server then speaks TLS.")
parser.add_argument("--pictures", default="-1", help="Number of pictures; -1 for no limit.")
parser.add_argument("--sound", action="store_true", help="Also send an endless tone.")
parser.add_argument("--udp", action="store_true", help="Refuse RTP over TCP.")
parser.add_argument("--received", help="File for what is sent to /sent.")
options = parser.parse_args()

Gst.init(None)
server = GstRtspServer.RTSPServer()
server.set_address("127.0.0.1")
server.set_service(options.port)
width, height = options.size.split("x")
factory = GstRtspServer.RTSPMediaFactory()
factory.set_launch(
    f"( videotestsrc is-live=true pattern=ball num-buffers={options.pictures}"
    f" ! video/x-raw,format=I420,width={width},height={height},framerate=25/1"
    " ! x264enc tune=zerolatency speed-preset=ultrafast key-int-max=50"
    " ! rtph264pay name=pay0 pt=96 config-interval=1"
    + " audiotestsrc is-live=true ! alawenc ! rtppcmapay name=pay1 pt=8" * options.sound
    + " )"
)
factory.set_shared(True)
if options.udp:
    factory.set_protocols(GstRtsp.RTSPLowerTrans.UDP)
server.get_mount_points().add_factory("/live", factory)
if options.received:
    sent = GstRtspServer.RTSPMediaFactory()
    sent.set_transport_mode(GstRtspServer.RTSPTransportMode.RECORD)
    sent.set_launch(
        "( rtph264depay name=depay0 ! h264parse config-interval=-1 ! mpegtsmux"
        f" ! filesink append=true buffer-mode=unbuffered location={options.received} )"
    )
    server.get_mount_points().add_factory("/sent", sent)
if options.password or options.certificate:
    auth = GstRtspServer.RTSPAuth()
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "viewer")
    if options.certificate:
        auth.set_tls_certificate(Gio.TlsCertificate.new_from_file(options.certificate))
    if options.password:
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic("viewer", options.password), token)
    else:
        auth.set_default_token(token)
    server.set_auth(auth)
    permissions = GstRtspServer.RTSPPermissions()
    permissions.add_permission_for_role("viewer", "media.factory.access", True)
    permissions.add_permission_for_role("viewer", "media.factory.construct", True)
    factory.set_permissions(permissions)
server.attach(None)
print(server.get_bound_port(), flush=True)
GLib.MainLoop().run()
