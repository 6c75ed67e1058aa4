"""Videos in and below the given folders that no stream reads."""

import pytest

from stages.decoder.locations import DEMO, expand_sources, skipped_videos


def test_videos_beside_images_are_listed_unless_they_are_named(tmp_path, touch):
    touch("photos/1.jpg", "b.mp4")
    specs = expand_sources([str(tmp_path)])
    assert [spec.name for spec in specs] == ["photos"]
    assert skipped_videos([str(tmp_path)], specs) == [tmp_path / "b.mp4"]
    assert skipped_videos([f"north={tmp_path}"], specs) == [tmp_path / "b.mp4"]
    both = [str(tmp_path), str(tmp_path / "b.mp4")]
    assert skipped_videos(both, expand_sources(both)) == []
    (tmp_path / "photos").rename(tmp_path / "photos.mp4")  # a folder of images, not a video
    assert skipped_videos(both, expand_sources(both)) == []
    alone = [str(tmp_path / "photos.mp4"), "rtsp://north/stream", DEMO]
    assert skipped_videos(alone, expand_sources(alone)) == []


@pytest.mark.parametrize(
    ("files", "read", "skipped"),
    [
        (["a.mp4", "x/b.mp4", "x/y/c.mp4"], "a.mp4", ["x/b.mp4", "x/y/c.mp4"]),
        (["x/b.mp4", "x/y/c.mp4"], "x/b.mp4", ["x/y/c.mp4"]),
        (["x/a.mp4", "x/small/1.jpg", "y/b.mp4"], "x/small", ["x/a.mp4", "y/b.mp4"]),
        (["1.jpg", "x/b.mp4", "x/y/c.mp4"], "", ["x/b.mp4", "x/y/c.mp4"]),
    ],
)
def test_videos_that_other_files_hide_are_listed_but_not_results(
    tmp_path, touch, files, read, skipped
):
    touch(*files, "out/a/overlay.mp4", "out/a/run.json")
    specs = expand_sources([str(tmp_path)])
    assert [spec.location for spec in specs] == [str(tmp_path / read)]
    assert skipped_videos([str(tmp_path)], specs) == [tmp_path / name for name in skipped]
