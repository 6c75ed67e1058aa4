import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from stages.errors import OutputError, SpotStreamError
from tests.limits import limited_files
from tools.bench.peers import REQUIREMENTS, failure_of, peer_python


@pytest.fixture
def pip(monkeypatch):
    """Sets the script that acts as pip in new environments, and how their creation ends."""

    def set_pip(script, ends_with=None):
        def create(home, clear):
            if clear:
                shutil.rmtree(home, ignore_errors=True)
            python = Path(home, "bin", "python")
            python.parent.mkdir(parents=True)
            Path(home, "pyvenv.cfg").touch()
            python.write_text(f"#!/bin/sh\n{script}\n")
            python.chmod(0o755)
            if ends_with is not None:
                raise ends_with

        monkeypatch.setattr("tools.bench.peers.venv.create", create)

    return set_pip


def installations(folder):
    """Requests an environment in ``folder``; returns the number of installations (0 or 1)."""
    messages = []
    python = peer_python(folder, "norfair", messages.append)
    assert python == folder / "norfair" / "bin" / "python"
    assert set(messages) <= {"installing norfair"}
    return len(messages)


@pytest.mark.parametrize(
    ("script", "ends_with", "error"),
    [
        ("echo no network >&2; exit 1", None, SpotStreamError),
        ("exit", SystemExit(130), SystemExit),  # as Ctrl-C raises it
    ],
)
def test_environment_whose_installation_failed_is_removed(tmp_path, pip, script, ends_with, error):
    pip(script, ends_with)
    with pytest.raises(error):
        installations(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [".norfair.lock"]


def test_existing_environment_is_not_reinstalled(tmp_path, pip):
    pip("exit")
    assert installations(tmp_path) == 1
    assert installations(tmp_path) == 0


def test_environment_of_a_killed_installation_is_recreated(tmp_path, pip):
    left = tmp_path / "norfair" / "bin" / "python"
    left.parent.mkdir(parents=True)
    left.touch()
    (tmp_path / "norfair" / "pyvenv.cfg").touch()
    pip("exit")
    assert installations(tmp_path) == 1
    assert left.read_text()


def test_folder_that_is_not_an_environment_is_left_alone(tmp_path, pip):
    (tmp_path / "norfair").mkdir()
    (tmp_path / "norfair" / "mine.txt").touch()
    pip("exit")
    with pytest.raises(SpotStreamError, match="norfair exists and is not an environment; choose"):
        installations(tmp_path)
    assert (tmp_path / "norfair" / "mine.txt").exists()


def test_environment_with_other_requirements_is_recreated(tmp_path, pip, monkeypatch):
    pip("exit")
    installations(tmp_path)
    monkeypatch.setitem(REQUIREMENTS, "norfair", ("norfair>=3",))
    assert installations(tmp_path) == 1
    assert installations(tmp_path) == 0


def test_second_caller_waits_for_a_running_installation(tmp_path, pip):
    pip("sleep 0.3")
    with ThreadPoolExecutor() as both:
        assert sum(both.map(installations, [tmp_path] * 2)) == 1


def test_file_in_place_of_the_environments_folder_is_reported(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="a file is where a folder should be"):
        peer_python(tmp_path / "file", "norfair")


def test_environment_that_cannot_be_written_is_reported(tmp_path):
    message = r"cannot write .*norfair: file too large"
    with pytest.raises(OutputError, match=message), limited_files(0):
        peer_python(tmp_path, "norfair")


def test_failed_installation_of_pip_is_reported(tmp_path, pip):
    output = "echo 'Traceback (most recent call last):'; echo 'OSError: [Errno 28] No space left'"
    pip(f'case "$*" in *ensurepip) {output}; exit 1;; esac')
    with pytest.raises(SpotStreamError, match=r"cannot install norfair: OSError: \[Errno 28\] No"):
        peer_python(tmp_path, "norfair")


def test_failed_installation_is_reported_in_one_line(tmp_path, pip):
    pip("echo looking; echo ERROR: No matching distribution >&2; echo '[notice] new pip'; exit 1")
    with pytest.raises(SpotStreamError, match=r"^cannot install norfair: ERROR: No match\S+ \S+$"):
        peer_python(tmp_path, "norfair")


@pytest.mark.parametrize("code", [0, 1])
def test_temporary_folders_left_by_pip_are_removed(tmp_path, pip, monkeypatch, code):
    elsewhere = tmp_path / "tmp"
    elsewhere.mkdir()
    monkeypatch.setenv("TMPDIR", str(elsewhere))
    pip(f'mktemp -d; case "$*" in *install*) exit {code};; esac')
    if code:
        with pytest.raises(SpotStreamError):
            installations(tmp_path / "peers")
    else:
        installations(tmp_path / "peers")
        assert not (tmp_path / "peers" / "norfair" / "tmp").exists()
    assert not list(elsewhere.iterdir())


def test_missing_package_or_library_is_reported_with_the_remedy():
    def message(last):
        return str(failure_of("norfair", f"Traceback\n{last}\n"))

    remedy = "; remove its folder in --peers, and it is installed again"
    for lacks in ("ModuleNotFoundError: No module named 'scipy'", "ImportError: libGL.so.1"):
        assert message(lacks) == f"norfair failed: {lacks}{remedy}"
    assert message("KeyError: 'x'") == "norfair failed: KeyError: 'x'"
