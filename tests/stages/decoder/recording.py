"""A camera's video, its recording, and what is read of that."""

import itertools

import av

from stages.decoder.media import open_media, video_stream
from stages.decoder.recorder import Recorder
from stages.decoder.recording_source import RecordingSource
from stages.records import Frame

GOP = 5


def write_camera(path):
    """A video whose every fifth frame is a key frame; each frame has a luma of its own."""
    with av.open(str(path), "w", format="mpegts") as container:
        stream = container.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
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
    second=1,
    jitter=(0,),
    **options,
):
    """Records packets of a camera, all unless told, into a folder."""
    clock = itertools.count(step=second)  # a second passes with each look, or more
    options = {"segment_seconds": 2, "most_bytes": 10**9} | options
    recorder = Recorder(
        folder,
        "rtsp://me:s3cret@cam/live",
        **options,
        notify=notify,
        monotonic=lambda: float(next(clock)),
    )
    with open_media(str(camera)) as container:
        stream = video_stream(container, "camera")
        offsets = itertools.cycle(jitter)
        for packet in itertools.islice(container.demux(stream), packets):
            if packet.size:
                packet.pts = packet.dts = packet.pts + next(offsets)
            recorder.write(packet, stream, epoch)
            packet.decode()  # it is left as it was
    recorder.close()


def replay(folder, slots):
    """The records of a recording."""
    return list(RecordingSource(folder, name="cam").records(slots))


def lumas(records):
    """How bright each frame is."""
    return [round(float(r.pixels[:40].mean())) for r in records if isinstance(r, Frame)]
