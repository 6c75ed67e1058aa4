from pathlib import Path

import pytest

from stages.detector.shipped import SHIPPED, find_weights
from stages.detector.spotnet import SpotNet


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_weights_are_small_and_found_by_name(name):
    file = find_weights(Path(name))
    assert file.stat().st_size < 12e6
    assert SpotNet.from_checkpoint(file).config.class_names == ("vehicle",)


def test_the_default_weights_are_compact():
    assert find_weights() == find_weights(Path("compact"))


def test_a_path_may_be_a_string():
    assert find_weights("nano") == find_weights(Path("nano"))
    assert find_weights("weights/my.onnx") == Path("weights/my.onnx")


def test_shipped_weights_are_found_from_an_inaccessible_folder(monkeypatch):
    def refuse(path):
        raise PermissionError

    monkeypatch.setattr(Path, "is_file", refuse)
    assert find_weights("nano").name == "nano.safetensors"


def test_an_existing_file_takes_precedence_over_a_shipped_name(tmp_path, monkeypatch):
    assert find_weights(tmp_path / "a.safetensors") == tmp_path / "a.safetensors"
    monkeypatch.chdir(tmp_path)
    (tmp_path / "compact").touch()
    assert find_weights(Path("compact")) == Path("compact")
    assert find_weights().is_absolute()


def test_a_folder_with_a_shipped_name_is_ignored(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "compact").mkdir()
    assert find_weights(Path("compact")).is_file()
