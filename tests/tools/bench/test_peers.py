from pathlib import Path

import pytest

from stages.errors import OutputError, SpotStreamError
from tools.bench.peers import peer_python


@pytest.mark.parametrize(
    ("ending", "error"), [("echo no network >&2; exit 1", SpotStreamError), ("exit", SystemExit)]
)
def test_an_environment_without_its_packages_does_not_stay(tmp_path, monkeypatch, ending, error):
    def create(home, with_pip):
        python = Path(home, "bin", "python")
        python.parent.mkdir(parents=True)
        python.write_text(f"#!/bin/sh\n{ending}\n")
        python.chmod(0o755)
        if error is SystemExit:  # as Ctrl-C raises it
            raise SystemExit(130)

    monkeypatch.setattr("tools.bench.peers.venv.create", create)
    said = []
    with pytest.raises(error):
        peer_python(tmp_path, "norfair", said.append)
    assert said == ["installing norfair"]
    assert list(tmp_path.iterdir()) == []


def test_an_environment_that_is_there_is_not_installed(tmp_path):
    python = tmp_path / "norfair" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch()
    said = []
    assert peer_python(tmp_path, "norfair", said.append) == python
    assert said == []


def test_environments_need_a_folder(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="a file is where a folder should be"):
        peer_python(tmp_path / "file", "norfair")
