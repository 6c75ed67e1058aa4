import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from stages.decoder.locations import (
    DEMO,
    SourceSpec,
    absolute_location,
    expand_sources,
    is_live,
    is_pipe,
)
from stages.decoder.media import MediaSource
from stages.decoder.scene_source import SceneSource
from stages.decoder.sources import open_source
from stages.errors import SourceError
from stages.records import Frame, StreamStart


def add_images(folder, count=1):
    folder.mkdir(parents=True)
    for number in range(1, count + 1):
        cv2.imwrite(str(folder / f"img{number:05}.jpg"), np.zeros((48, 64, 3), np.uint8))


@pytest.mark.parametrize(
    ("location", "name", "url"),
    [
        ("north=rtsp://u:p=@cam/live", "north", "rtsp://u:p=@cam/live"),
        ("a-1.b=http://cam/?channel=2", "a-1.b", "http://cam/?channel=2"),
        ("Kreuzung #3?=rtsp://cam/a=b", "Kreuzung-3", "rtsp://cam/a=b"),
        ("#=rtsp://cam/live", "cam-live", "rtsp://cam/live"),
        ("north = rtsp://cam/live", "north", "rtsp://cam/live"),
        ("cache:http://cam/a.mp4", "cam-a.mp4", "cache:http://cam/a.mp4"),
        (
            "http://cam/monitor?channel=http://x",
            "cam-monitor",
            "http://cam/monitor?channel=http://x",
        ),
    ],
)
def test_a_url_may_have_a_name(location, name, url):
    assert expand_sources([location]) == [SourceSpec(name, url)]


@pytest.mark.parametrize("location", ["://cam/live", "a#b://cam", "north: rtsp://cam/live"])
def test_malformed_url_schemes_are_reported(location):
    scheme = location.partition("://")[0]
    with pytest.raises(SourceError, match=f"^{scheme}:// does not begin a URL"):
        expand_sources([location])


def test_a_file_or_folder_of_one_stream_may_have_a_name(tmp_path, make_video, monkeypatch):
    make_video("crossing.mp4")
    add_images(tmp_path / "MOT16-02" / "img1")
    monkeypatch.chdir(tmp_path)
    given = ["no rth=crossing.mp4", f"so uth={tmp_path}/MOT16-02", f"east={tmp_path}/crossing.mp4"]
    for locations in (given, list(map(absolute_location, given))):
        specs = expand_sources(locations)
        assert [spec.name for spec in specs] == ["no-rth", "so-uth", "east"]
        assert [Path(spec.location).absolute() for spec in specs] == [
            tmp_path / "crossing.mp4",
            tmp_path / "MOT16-02" / "img1",
            tmp_path / "crossing.mp4",
        ]
    with pytest.raises(SourceError, match=r"no such source: crosing.mp4; did you mean crossing"):
        expand_sources(["north=crosing.mp4"])


def test_a_home_folder_after_a_name_is_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert absolute_location("north=~/a.mp4") == f"north={tmp_path}/a.mp4"


def test_a_tilde_that_is_no_home_folder_is_part_of_the_file_name(tmp_path, make_video, monkeypatch):
    make_video("~clip.mp4")
    monkeypatch.chdir(tmp_path)
    assert absolute_location("north=~clip.mp4") == f"north={tmp_path}/~clip.mp4"
    assert [spec.name for spec in expand_sources(["~clip.mp4"])] == ["clip"]


def test_a_file_name_with_an_equals_sign_is_not_split(tmp_path, make_video, monkeypatch):
    make_video("take=1.mp4")
    make_video("1.mp4")
    monkeypatch.chdir(tmp_path)
    assert expand_sources(["take=1.mp4"]) == [SourceSpec("take-1", "take=1.mp4")]
    assert absolute_location("take=1.mp4") == str(tmp_path / "take=1.mp4")


def test_one_name_for_several_streams_is_refused(tmp_path):
    add_images(tmp_path / "MVI_1")
    add_images(tmp_path / "MVI_2")
    with pytest.raises(SourceError, match="holds 2 streams, not one to name"):
        expand_sources([f"north={tmp_path}"])


@pytest.mark.parametrize(
    ("locations", "taken"),
    [(["north=rtsp://one/", "north=rtsp://two/"], []), (["north=rtsp://one/"], ["north"])],
)
def test_a_name_given_twice_is_refused(locations, taken):
    with pytest.raises(SourceError, match="the name north is taken; choose another"):
        expand_sources(locations, taken)


@pytest.mark.parametrize(
    ("location", "live"),
    [
        ("rtsp://cam/live", True),
        ("udp://239.0.0.1:5000", True),
        ("http://cam/mjpeg", True),
        ("https://host/stream.m3u8?token=1", True),
        ("/dev/video0", True),
        ("drones/one.SDP", True),
        ("file:///drones/one.sdp", True),
        ("http://host/one.sdp", True),
        ("https://host/crossing.mp4?token=1", False),
        ("file:///data/crossing.mkv", False),
        ("file:///data/crossing.3gp", False),
        ("FILE:///data/crossing", False),
        ("HTTPS://host/crossing.MP4", False),
        ("crossing.mp4", False),
        (DEMO, False),
    ],
)
def test_live_locations_are_recognised(location, live):
    assert is_live(location) is live


def test_named_pipes_are_recognised(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").touch()
    locations = [str(tmp_path / name) for name in ("pipe", "file", "nothing")]
    locations.append(f"http://camera/{1000 * 'x'}")
    assert [is_pipe(location) for location in locations] == [True, False, False, False]


@pytest.mark.parametrize(
    ("folder", "name", "layout"),
    [
        ("MVI_20011", "MVI_20011", "detrac"),
        ("M0203", "M0203", "uavdt"),
        ("MOT16-02/img1", "MOT16-02", "mot"),
        ("flight", "flight", ""),
    ],
)
def test_a_folder_of_images_is_one_stream_of_the_benchmark_that_its_name_tells(
    tmp_path, folder, name, layout
):
    add_images(tmp_path / folder)
    [spec] = expand_sources([str(tmp_path / folder)])
    assert (spec.name, spec.layout, spec.of_data_set) == (name, layout, False)


def test_a_mot_sequence_has_the_same_frame_numbers_if_its_images_are_named(tmp_path, slots):
    add_images(tmp_path / "MOT16-02" / "img1", 3)
    for number, image in enumerate(sorted(tmp_path.glob("MOT16-02/img1/*")), start=7):
        image.rename(image.with_name(f"{number:06}.jpg"))
    for given in (tmp_path, tmp_path / "MOT16-02", tmp_path / "MOT16-02" / "img1"):
        [spec] = expand_sources([str(given)])
        frames = [r for r in open_source(spec).records(slots) if isinstance(r, Frame)]
        assert [frame.header.number for frame in frames] == [7, 8, 9]


def test_a_data_set_is_a_list_of_sequences(tmp_path):
    for name in ("MVI_20011", "MVI_20012"):
        add_images(tmp_path / "images" / "Insight-MVT_Annotation_Train" / name)
        add_images(tmp_path / "masks" / name)
    specs = expand_sources([str(tmp_path)])
    assert [(s.name, s.layout, s.of_data_set) for s in specs] == [
        ("MVI_20011", "detrac", True),
        ("MVI_20012", "detrac", True),
    ]


def test_mot_sequences_have_the_frame_rate_of_their_seqinfo(tmp_path, slots):
    add_images(tmp_path / "MOT16-02" / "img1", 3)
    (tmp_path / "MOT16-02" / "seqinfo.ini").write_text("\ufeff[Sequence]\nframeRate=30\n")
    for given in (tmp_path, tmp_path / "MOT16-02", tmp_path / "MOT16-02" / "img1"):
        [spec] = expand_sources([str(given)])
        assert spec.name == "MOT16-02"
        start = next(iter(open_source(spec).records(slots)))
        assert isinstance(start, StreamStart)
        assert start.frame_rate == 30


def test_a_folder_of_videos_is_a_list_of_streams(tmp_path, make_video):
    make_video("b.mp4")
    make_video("a.mkv")
    (tmp_path / "notes.txt").write_text("")
    (tmp_path / "._a.mkv").write_bytes(b"\0\5\x16\7")  # as macOS creates beside a file
    specs = expand_sources([str(tmp_path)])
    assert [(s.name, s.of_data_set) for s in specs] == [("a", True), ("b", True)]
    assert isinstance(open_source(specs[0]), MediaSource)


def test_several_images_as_separate_streams_are_refused(tmp_path):
    add_images(tmp_path / "frames", 2)
    images = [str(image) for image in sorted((tmp_path / "frames").iterdir())]
    with pytest.raises(SourceError, match=r"2 images of .*frames would be a stream each; name the"):
        expand_sources(images)
    assert len(expand_sources(images[:1])) == 1
    assert len(expand_sources(["http://cam/1.jpg", "http://cam/2.jpg"])) == 2


def test_a_folder_of_images_and_videos_is_refused(tmp_path, make_video):
    make_video("VID_1.mp4")
    add_images(tmp_path / "photos")
    (tmp_path / "photos" / "img00001.jpg").rename(tmp_path / "IMG_1.jpg")
    with pytest.raises(SourceError, match="holds images as well as videos; name the videos"):
        expand_sources([str(tmp_path)])


def test_videos_in_day_folders_are_found_but_results_are_not(tmp_path, make_video):
    for place in ("monday/cam.mp4", "tuesday/cam.h264", "tuesday/b.FLV", "out/cam/overlay.mp4"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).touch()
    (tmp_path / "out" / "cam" / "run.json").touch()
    names = [spec.name for spec in expand_sources([str(tmp_path)])]
    assert names == ["monday-cam", "tuesday-b", "tuesday-cam"]
    make_video("above.mp4")
    assert [spec.name for spec in expand_sources([str(tmp_path)])] == ["above"]


def test_the_rendered_scene_does_not_hide_a_folder_named_demo(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert expand_sources([DEMO]) == [SourceSpec("demo", DEMO)]
    assert absolute_location(DEMO) == DEMO
    assert isinstance(open_source(SourceSpec("any", DEMO)), SceneSource)
    with pytest.raises(SourceError, match="no such source: demo; the rendered scene is scene://"):
        expand_sources(["demo"])
    with pytest.raises(SourceError, match=r"no such source: 0; .* is /dev/video0$"):
        expand_sources(["0"])
    add_images(tmp_path / "demo")
    assert expand_sources(["demo"]) == [SourceSpec("demo", str(tmp_path / "demo"))]
    assert absolute_location("demo") == str(tmp_path / "demo")


def test_an_empty_folder_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match="empty holds neither images"):
        expand_sources([str(tmp_path / "empty")])


@pytest.mark.parametrize("location", ["", " "])
def test_an_empty_location_is_not_the_current_folder(tmp_path, monkeypatch, make_video, location):
    make_video("crossing.mp4")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SourceError, match="the source is empty"):
        expand_sources(["crossing.mp4", location])
    with pytest.raises(SourceError, match="the source is empty"):
        absolute_location(location)
    assert absolute_location("crossing.mp4") == str(tmp_path / "crossing.mp4")
    assert absolute_location("rtsp://cam/live") == "rtsp://cam/live"


def test_a_file_name_that_is_not_utf8_is_refused(tmp_path):
    (tmp_path / os.fsdecode(b"s\xfcd.mp4")).write_bytes(b"")
    with pytest.raises(SourceError, match=r"s\\xfcd\.mp4 is not UTF-8"):
        expand_sources([str(tmp_path)])


def test_a_path_that_cannot_be_read_is_reported(tmp_path):
    path = tmp_path / ("x" * 300)
    with pytest.raises(SourceError, match=f"cannot read {path}: File name too long"):
        expand_sources([str(path)])


def test_a_misspelt_file_name_gets_a_suggestion(tmp_path, make_video):
    make_video("crossing.mp4")
    with pytest.raises(SourceError, match=r"crosing\.mp4; did you mean .*crossing\.mp4\?"):
        expand_sources([str(tmp_path / "crosing.mp4")])


@pytest.mark.parametrize("location", ["-", "/dev/stdin", "pipe:0", "pipe://"])
def test_standard_input_is_refused(location):
    with pytest.raises(SourceError, match="a named pipe can, as mkfifo makes it"):
        expand_sources([location])


def test_a_dangling_symlink_is_reported(tmp_path):
    (tmp_path / "crossing.mp4").symlink_to("gone.mp4")
    with pytest.raises(SourceError, match=r"crossing\.mp4; it is a link to gone\.mp4, "):
        expand_sources([str(tmp_path / "crossing.mp4")])


def test_names_are_unique_and_valid_folder_names():
    specs = expand_sources(["rtsp://u:secret@cam/live one", "rtsp://u:other@cam/live one"])
    assert [s.name for s in specs] == ["cam-live-one", "cam-live-one-2"]
    assert specs[0] == SourceSpec("cam-live-one", "rtsp://u:secret@cam/live one")


def test_a_long_name_is_cut_between_characters():
    long = "rtsp://a" + "ü" * 300
    assert [spec.name for spec in expand_sources([long, long])] == [
        "a" + "ü" * 99,
        "a" + "ü" * 99 + "-2",
    ]


@pytest.mark.parametrize(
    ("stem", "name"),
    [
        ("交差点 2", "交差点-2"),
        ("Перекрёсток", "Перекрёсток"),
        ("Kreuzung_Süd", "Kreuzung_Süd"),
        ("Kreuzung_Su\u0308d", "Kreuzung_Süd"),
        ("चौराहा", "चौराहा"),
        ("a:b*c?.1", "a-b-c-.1"),
        ("..🚗..", "stream"),
    ],
)
def test_names_keep_letters_of_any_script(make_video, stem, name):
    (spec,) = expand_sources([str(make_video(f"{stem}.mp4", frames=1))])
    assert spec.name == name
