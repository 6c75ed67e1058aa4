"""A camera's video, its recording, and what is read from that."""

import itertools

import av

from stages.decoder.containers import open_media, video_stream
from stages.decoder.recorder import Recorder
from stages.decoder.recording_source import RecordingSource
from stages.records import Frame

GOP = 5
REORDERED = {
    "libx264": {"x264-params": "bframes=2:b-adapt=0:scenecut=0:open-gop=1"},
    "libx265": {
        "x265-params": "bframes=2:b-adapt=0:keyint=5:min-keyint=5:scenecut=0:log-level=none"
    },
    "mpeg4": {"bf": "2"},
}
"""Options that make encoders reorder frames, also across key frames where they can."""


def write_camera(path, codec="libx264", codec_options=None, container_format="mpegts", rate=25):
    """Writes a video in which every fifth frame is a key frame and each frame has its own luma."""
    with av.open(str(path), "w", format=container_format) as container:
        options = codec_options or {"preset": "ultrafast"}
        stream = container.add_stream(codec, rate=rate, options=options)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.gop_size = GOP
        for index in range(40):
            frame = av.VideoFrame(64, 48, "yuv420p")
            for plane, value in zip(frame.planes, (40 + 5 * index, 128, 128), strict=True):
                plane.update(bytes([value]) * plane.buffer_size)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def record(
    camera,
    folder,
    epoch=0,
    packets=None,
    notify=lambda message: None,
    arrives=lambda index: index / 25,
    shifted=lambda frame: 0,
    dated=True,
    **options,
):
    """Records packets of a camera, all by default, into a folder.

    Packet ``index`` arrives at second ``arrives(index)``. The times of frame ``frame``, in display
    order, are shifted by ``shifted(frame)`` ticks; decoding times are removed unless ``dated``.
    """
    now = arrives(0)
    options = {"segment_seconds": 0.3, "max_bytes": 10**9} | options
    recorder = Recorder(
        folder,
        "rtsp://me:s3cret@cam/live",
        **options,
        notify=notify,
        monotonic=lambda: now,
    )
    with open_media(str(camera)) as container:
        stream = video_stream(container, "camera")
        for index, packet in enumerate(itertools.islice(container.demux(stream), packets)):
            now = arrives(index)
            if packet.size:
                shift = shifted((packet.pts - stream.start_time) // 3600)
                packet.pts += shift
                packet.dts = packet.dts + shift if dated else None
            recorder.write(packet, stream, epoch)
            packet.decode()  # the recorder leaves it unchanged
    recorder.close()


def write_connection(recorder, camera, epoch):
    """Records a connection to a camera, all packets at once."""
    with open_media(str(camera)) as container:
        stream = video_stream(container, "camera")
        for packet in container.demux(stream):
            recorder.write(packet, stream, epoch)
    recorder.close()


def replay(folder, slots):
    """Returns the records of a recording."""
    return list(RecordingSource(folder, name="cam").records(slots))


def lumas(records):
    """Returns the mean luma of each frame."""
    return [round(float(r.pixels[:40].mean())) for r in records if isinstance(r, Frame)]


def seconds(records):
    """Returns the times of the frames, in seconds."""
    return [r.header.seconds for r in records if isinstance(r, Frame)]
