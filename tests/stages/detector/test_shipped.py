from pathlib import Path

import pytest

from stages.detector.shipped import SHIPPED, find_weights
from stages.detector.spotnet import SpotNet


@pytest.mark.parametrize("name", SHIPPED)
def test_what_ships_is_found_by_its_name_and_small(name):
    file = find_weights(Path(name))
    assert file.stat().st_size < 12e6
    assert SpotNet.from_checkpoint(file).config.class_names == ("vehicle",)


def test_nothing_asked_for_is_the_compact_one():
    assert find_weights() == find_weights(Path("compact"))


def test_a_path_may_be_text():
    assert find_weights("nano") == find_weights(Path("nano"))
    assert find_weights("weights/my.onnx") == Path("weights/my.onnx")


def test_a_working_folder_that_may_not_be_entered_has_no_such_file(monkeypatch):
    def refuse(path):
        raise PermissionError

    monkeypatch.setattr(Path, "is_file", refuse)
    assert find_weights("nano").name == "nano.safetensors"


def test_a_file_is_taken_as_it_is(tmp_path, monkeypatch):
    assert find_weights(tmp_path / "a.safetensors") == tmp_path / "a.safetensors"
    monkeypatch.chdir(tmp_path)
    (tmp_path / "compact").touch()
    assert find_weights(Path("compact")) == Path("compact")
    assert find_weights().is_absolute()


def test_a_folder_of_such_a_name_is_no_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "compact").mkdir()
    assert find_weights(Path("compact")).is_file()
