import pytest

from pipeline.result_folders import make_room, streams_to_add
from stages.decoder.sources import SourceSpec
from stages.errors import ConfigError, OutputError


@pytest.fixture
def killed(tmp_path):
    """A results folder in which a run of the stream ``north`` was killed."""
    (tmp_path / "north").mkdir()
    rows = tmp_path / "north" / ".mot.txt.part"
    rows.write_text("1,1,0,0,9,9,0.9,-1,-1,-1\n")
    return rows


def test_what_a_killed_run_left_is_named_and_kept(killed, tmp_path):
    north = SourceSpec("north", "north.mp4")
    with pytest.raises(OutputError, match=r"left: \.mot\.txt\.part; add --overwrite"):
        make_room([north], tmp_path, overwrite=False)
    assert killed.exists()
    assert make_room([north], tmp_path, overwrite=True) == ([north], [])
    assert not killed.exists()


def test_an_unfinished_sequence_of_a_data_set_is_done_again(killed, tmp_path):
    north = SourceSpec("north", "north", of_data_set=True)
    assert make_room([north], tmp_path, overwrite=False) == ([north], [])
    assert not killed.exists()


def test_a_stream_that_is_added_gets_no_folder_with_results(killed, tmp_path):
    (tmp_path / "clip.mp4").write_text("")
    with pytest.raises(ConfigError, match="north holds results; choose another name"):
        streams_to_add(str(tmp_path / "clip.mp4"), "north", [], tmp_path)
    (tmp_path / "clip").mkdir()
    (tmp_path / "clip" / "mot.txt").write_text("")
    (spec,) = streams_to_add(str(tmp_path / "clip.mp4"), "", [], tmp_path)
    assert spec.name == "clip-2"
