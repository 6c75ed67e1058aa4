import pytest

from pipeline.supervision.added_streams import streams_to_add
from stages.errors import ConfigError


def test_added_stream_avoids_folders_that_hold_results(tmp_path):
    (tmp_path / "clip.mp4").write_text("")
    (tmp_path / "north").mkdir()
    (tmp_path / "north" / ".mot.txt.part").write_text("1,1,0,0,9,9,0.9,-1,-1,-1\n")
    with pytest.raises(ConfigError, match="north holds unfinished results; choose another name"):
        streams_to_add(str(tmp_path / "clip.mp4"), "north", [], tmp_path)
    (tmp_path / "clip").mkdir()
    (tmp_path / "clip" / "mot.txt").write_text("")
    (spec,) = streams_to_add(str(tmp_path / "clip.mp4"), "", [], tmp_path)
    assert spec.name == "clip-2"


def test_earlier_results_are_set_aside_when_a_name_is_reused(tmp_path):
    (tmp_path / "clip.mp4").write_text("")
    clip = tmp_path / "clip.mp4"
    for text, location, name in (
        ("1", f"{clip}", "north"),
        ("2", f"north={clip}", ""),
        ("3", f"east={clip}", "north"),
    ):
        (spec,) = streams_to_add(location, name, ["south"], tmp_path)
        assert spec.name == "north"
        (tmp_path / "north").mkdir()
        (tmp_path / "north" / "mot.txt").write_text(text)
    found = {path.parent.name: path.read_text() for path in tmp_path.glob("*/mot.txt")}
    assert found == {"north-earlier": "1", "north-earlier-2": "2", "north": "3"}


def test_results_set_aside_avoid_names_of_running_streams(tmp_path):
    (tmp_path / "clip.mp4").write_text("")
    (tmp_path / "north").mkdir()
    (tmp_path / "north" / "mot.txt").write_text("1")
    streams_to_add(str(tmp_path / "clip.mp4"), "north", ["north-earlier"], tmp_path)
    assert [path.parent.name for path in tmp_path.glob("*/mot.txt")] == ["north-earlier-2"]


def test_results_in_a_symlinked_folder_are_not_set_aside(tmp_path):
    """The link would be renamed, and the stream would go on in a folder on another disk."""
    (tmp_path / "clip.mp4").write_text("")
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "mot.txt").write_text("1")
    (tmp_path / "north").symlink_to(tmp_path / "disk")
    with pytest.raises(ConfigError, match="north is a link and holds results; choose another name"):
        streams_to_add(str(tmp_path / "clip.mp4"), "north", [], tmp_path)
    assert (tmp_path / "north").is_symlink()


def test_default_name_avoids_running_streams_and_unfinished_results(tmp_path):
    (tmp_path / "clip.mp4").write_text("")
    (tmp_path / "clip-2").mkdir()
    (tmp_path / "clip-2" / ".mot.txt.part").write_text("1,1,0,0,9,9,0.9,-1,-1,-1\n")
    (spec,) = streams_to_add(str(tmp_path / "clip.mp4"), "", ["clip"], tmp_path)
    assert spec.name == "clip-3"


def test_folder_without_results_does_not_block_a_stream_name(tmp_path):
    (tmp_path / "clip.mp4").write_text("")
    (tmp_path / "clip").mkdir()
    assert streams_to_add(str(tmp_path / "clip.mp4"), "", [], tmp_path)[0].name == "clip"
    assert streams_to_add(str(tmp_path / "clip.mp4"), "", [], tmp_path / "new")[0].name == "clip"
    with pytest.raises(ConfigError, match="a stream north is running already"):
        streams_to_add(str(tmp_path / "clip.mp4"), "north", ["north"], tmp_path)


def test_name_applies_to_one_stream_and_is_made_a_folder_name(tmp_path):
    videos = tmp_path / "videos"
    videos.mkdir()
    for name in ("a.mp4", "b.mp4"):
        (videos / name).write_text("")
    with pytest.raises(ConfigError, match="videos holds 2 streams, not one to name"):
        streams_to_add(str(videos), "north", [], tmp_path)
    (spec,) = streams_to_add(str(videos / "a.mp4"), "../north side", [], tmp_path)
    assert spec.name == "north-side"
