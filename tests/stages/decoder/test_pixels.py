import struct
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

from stages.bgr import to_bgr
from stages.decoder.media import MediaSource
from stages.decoder.pixels import fill
from stages.records import Frame, PixelFormat, StreamStart

BT2020 = getattr(Colorspace, "BT2020", None)  # PyAV 17 cannot convert it
UPRIGHT = (1, 0, 0, 1)
CLOCKWISE = (0, 1, -1, 0)
OVERHEAD = (-1, 0, 0, -1)
COUNTER_CLOCKWISE = (0, -1, 1, 0)
MIRRORED = (-1, 0, 0, 1)
SLANTED = (0.75, -0.75, 0.75, 0.75)
MATRIX_OFFSET = 44  # bytes from the name of an MP4's track header to its matrix


@pytest.fixture
def oriented_video(tmp_path, make_video):
    """A video whose container states the camera's orientation; each frame is noise.

    It is encoded once: x264 does not always give the same picture again if its width is odd.
    """
    encoded = {}

    def make(matrix, width=96, height=64, **options):
        if (width, height) not in encoded:
            path = make_video(frames=3, noise=True, width=width, height=height, **options)
            encoded[width, height] = path.read_bytes()
        content = bytearray(encoded[width, height])
        set_orientation(content, matrix)
        path = tmp_path / "held.mp4"
        path.write_bytes(content)
        return path

    return make


def set_orientation(content, matrix):
    """Writes the camera's orientation into an MP4."""
    a, b, c, d = (round(value * 2**16) for value in matrix)
    offset = content.index(b"tkhd") + MATRIX_OFFSET
    content[offset : offset + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)


def read(video, slots, **options):
    start, *frames, _ = MediaSource(str(video), name="cam", **options).records(slots)
    assert isinstance(start, StreamStart)
    for frame in frames:
        assert isinstance(frame, Frame)
        assert frame.pixels.shape == frame.header.shape
        assert (frame.header.height, frame.header.width) == (start.height, start.width)
    return [bgr(frame) for frame in frames]


def bgr(frame):
    if frame.header.pixel_format is PixelFormat.BGR24:
        return frame.pixels
    return cv2.cvtColor(frame.pixels, cv2.COLOR_YUV2BGR_I420)


@pytest.mark.parametrize(
    ("matrix", "turns"),
    [
        *[(UPRIGHT, 0), (CLOCKWISE, 1), (OVERHEAD, 2), (COUNTER_CLOCKWISE, 3)],
        *[(MIRRORED, 0), (SLANTED, 0)],
    ],
)
@pytest.mark.parametrize(
    "shape",
    [
        {"width": 96, "height": 64},
        {"width": 98, "height": 62},
        {"width": 97, "height": 64, "pix_fmt": "yuv444p"},
        {"width": 96, "height": 63, "pix_fmt": "yuv444p"},
    ],
    ids=lambda shape: f"{shape['width']}x{shape['height']}",
)
def test_frames_are_rotated_upright(oriented_video, slots, matrix, turns, shape):
    lying = read(oriented_video(UPRIGHT, **shape), slots)
    assert len(lying) == 3
    for paced in (False, True):
        upright = read(oriented_video(matrix, **shape), slots, paced=paced)
        for before, after in zip(lying, upright, strict=True):
            np.testing.assert_array_equal(after, np.rot90(before, -turns))


@pytest.mark.usefixtures("same_priority")
@pytest.mark.parametrize(("color_range", "white"), [(ColorRange.MPEG, 235), (ColorRange.JPEG, 255)])
@pytest.mark.parametrize("codec", ["libx264", "libvpx-vp9", "libsvtav1"])
def test_white_is_converted_to_limited_range(tmp_path, slots, codec, color_range, white):
    path = tmp_path / "white.mkv"
    with av.open(str(path), "w") as container:
        try:
            stream = container.add_stream(codec, rate=25)
        except av.codec.codec.UnknownCodecError:
            pytest.skip(f"no encoder {codec}")
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        stream.codec_context.color_range = color_range
        frame = av.VideoFrame(96, 64, "yuv420p")
        for plane, value in zip(frame.planes, (white, 128, 128), strict=True):
            plane.update(bytes([value]) * plane.buffer_size)
        frame.color_range = color_range
        container.mux([*stream.encode(frame), *stream.encode()])
    _, frame, _ = MediaSource(str(path), name="cam").records(slots)
    assert set(np.unique(frame.pixels[:64])) == {235}
    assert set(np.unique(frame.pixels[64:])) == {128}


@pytest.mark.parametrize("size", [(96, 64), (97, 63)], ids=["even", "odd"])
@pytest.mark.parametrize(
    "matrix", [Colorspace.ITU601, Colorspace.ITU709, Colorspace.SMPTE240M, BT2020]
)
def test_colors_follow_the_matrix_of_the_video(tmp_path, slots, matrix, size):
    if matrix is None:
        pytest.skip("this PyAV does not convert it")
    path = tmp_path / "paint.mkv"
    width, height = size
    painted = np.full((height, width, 3), (40, 60, 180), np.uint8)  # BGR
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", 25, options={"crf": "1"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv444p"
        stream.codec_context.colorspace = matrix
        picture = av.VideoFrame.from_ndarray(painted, format="bgr24")
        picture = picture.reformat(format="yuv444p", dst_colorspace=matrix)
        for packet in (*stream.encode(picture), *stream.encode()):
            container.mux(packet)
    frames = [
        record
        for record in MediaSource(str(path), name="cam").records(slots)
        if isinstance(record, Frame)
    ]
    found = to_bgr(frames[0].pixels, frames[0].header.pixel_format)
    assert np.abs(found[height // 2, width // 2].astype(int) - (40, 60, 180)).max() <= 3


@pytest.mark.parametrize(("matrix", "expected"), [(UPRIGHT, 2), (CLOCKWISE, Fraction(1, 2))])
def test_the_stream_start_states_the_pixel_aspect(oriented_video, slots, matrix, expected):
    video = oriented_video(matrix, aspect=Fraction(2))
    start = next(MediaSource(str(video), name="cam").records(slots))
    assert start.pixel_aspect == expected


def test_pixels_are_square_by_default(oriented_video, slots):
    start = next(MediaSource(str(oriented_video(UPRIGHT)), name="cam").records(slots))
    assert start.pixel_aspect == 1


@pytest.mark.parametrize("matrix", [UPRIGHT, CLOCKWISE])
@pytest.mark.parametrize(("pix_fmt", "height"), [("yuv420p", 64), ("yuv422p", 62)])
def test_one_field_of_an_interlaced_frame_is_kept(tmp_path, slots, matrix, pix_fmt, height):
    """A white square on black moves by its own width between the two fields."""
    shown = np.zeros((height, 96), np.uint8)
    shown[20:40, 20:40] = 255
    both = shown.copy()
    both[1::2] = np.roll(shown, 20, axis=1)[1::2]
    path = tmp_path / "interlaced.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", 25, options={"crf": "1", "x264-params": "tff=1"})
        stream.width, stream.height, stream.pix_fmt = 96, height, pix_fmt
        picture = av.VideoFrame.from_ndarray(both, format="gray").reformat(format=pix_fmt)
        for packet in (*stream.encode(picture), *stream.encode()):
            container.mux(packet)
    content = bytearray(path.read_bytes())
    set_orientation(content, matrix)
    path.write_bytes(content)
    (seen,) = read(path, slots)
    turns = 1 if matrix == CLOCKWISE else 0
    found = np.rot90(seen[..., 1], turns)
    assert np.abs(found.astype(int) - shown)[22:38].max() < 20


@pytest.mark.parametrize(
    ("pixel_format", "height"),
    [(PixelFormat.YUV420P, 64), (PixelFormat.YUV420P, 62), (PixelFormat.BGR24, 63)],
)
def test_second_field_rows_are_the_means_of_their_neighbours(pixel_format, height):
    shape = pixel_format.shape(height, 96)
    both = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    name = "bgr24" if pixel_format is PixelFormat.BGR24 else "yuv420p"
    kept = np.empty_like(both)
    frame = av.VideoFrame.from_ndarray(both, format=name)
    fill(kept, frame, pixel_format, 0, VideoReformatter(), woven=True)
    chroma = 0 if name == "bgr24" else height // 2
    sizes = [(height, both[0].size), *[(chroma, 48)] * 2]
    ends = np.cumsum([rows * samples for rows, samples in sizes])[:-1]
    planes = zip(np.split(both.ravel(), ends), np.split(kept.ravel(), ends), sizes, strict=True)
    for plane, found, size in planes:
        rows, expected = (values.reshape(size).astype(int) for values in (plane, found))
        below = rows[2::2] if len(rows) % 2 else np.concatenate([rows[2::2], rows[-2:-1]])
        rows[1::2] = (rows[: len(below) * 2 : 2] + below) // 2
        np.testing.assert_array_equal(rows, expected)


@pytest.mark.parametrize(
    ("color_range", "values"), [(ColorRange.MPEG, (16, 235)), (ColorRange.JPEG, (0, 255))]
)
def test_grey_video_keeps_its_contrast(color_range, values):
    grey = np.repeat(np.array(values, np.uint8), 32)[:, None].repeat(96, axis=1)
    frame = av.VideoFrame.from_ndarray(grey, format="gray")
    frame.color_range = color_range
    pixels = np.empty((96, 96), np.uint8)
    fill(pixels, frame, PixelFormat.YUV420P, 0, VideoReformatter(), woven=False)
    assert (pixels[[0, 63], 0].tolist(), set(pixels[64:].flat)) == ([16, 235], {128})


def test_converted_frames_may_change_their_size_and_format():
    reformatter = VideoReformatter()
    for height, name in ((64, "yuvj420p"), (96, "yuvj420p"), (96, "yuv422p"), (64, "nv12")):
        frame = av.VideoFrame.from_ndarray(
            np.random.default_rng(height).integers(16, 200, (height, 96, 3), np.uint8),
            format="bgr24",
        ).reformat(format=name)
        found, expected = (np.empty((height * 3 // 2, 96), np.uint8) for _ in range(2))
        fill(found, frame, PixelFormat.YUV420P, 0, reformatter, woven=False)
        fill(expected, frame, PixelFormat.YUV420P, 0, VideoReformatter(), woven=False)
        np.testing.assert_array_equal(found, expected)


def test_a_single_field_picture_keeps_all_its_rows(tmp_path, slots):
    path = tmp_path / "fields.mp4"
    rows = np.zeros((64, 96), np.uint8)
    rows[1::2] = 255
    with av.open(str(path), "w") as container:
        options = {"crf": "1", "x265-params": "interlace=tff:log-level=none"}
        stream = container.add_stream("libx265", 25, options=options)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        picture = av.VideoFrame.from_ndarray(rows, format="gray").reformat(format="yuv420p")
        for packet in (*stream.encode(picture), *stream.encode()):
            packet.dts = packet.pts  # x265 gives a single picture an arbitrary one
            container.mux(packet)
    (seen,) = read(path, slots)
    assert np.abs(seen[..., 1].astype(int) - rows).max() < 20


def test_a_progressive_frame_keeps_all_its_rows(slots, make_video):
    path = make_video(frames=1, noise=True)
    with av.open(str(path)) as container:
        (frame,) = container.decode(video=0)
    (seen,) = read(path, slots)
    np.testing.assert_array_equal(seen, cv2.cvtColor(frame.to_ndarray(), cv2.COLOR_YUV2BGR_I420))
