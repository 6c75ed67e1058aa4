import os
import shutil
import sys

import pytest

from pipeline.release import RecordedRun, installed_release


@pytest.fixture
def record(tmp_path, monkeypatch):
    """The metadata file of the release, which does not exist yet.

    Its parent folder keeps its modification time through all changes, because the clock of a file
    system can be that coarse.
    """
    assert installed_release()  # loads what it imports
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    os.utime(tmp_path, (1, 1))
    assert installed_release() == ""
    return tmp_path / "spotstream-1.dist-info" / "METADATA"


def install(record, version):
    record.parent.mkdir(exist_ok=True)
    record.write_text(f"Metadata-Version: 2.1\nName: spotstream\nVersion: {version}\n")
    os.utime(record.parents[1], (1, 1))


def test_installing_and_removing_releases_is_noticed(record):
    install(record, "1.0")
    assert installed_release() == "1.0"
    install(record, "1.1")
    assert installed_release() == "1.1"
    shutil.rmtree(record.parent)
    os.utime(record.parents[1], (1, 1))
    assert installed_release() == ""


def test_empty_or_missing_metadata_names_no_release(record):
    install(record, "1.0")
    record.write_text("")
    assert installed_release() == ""
    record.unlink()
    assert installed_release() == ""


def test_release_is_read_from_a_report_of_any_release(tmp_path):
    path = tmp_path / "run.json"
    path.write_text('{"versions": {"torch": "2.9", "spotstream": "99.1"}, "unknown": [1]}')
    assert RecordedRun.load(path).release == "99.1"
    path.write_text('{"versions": {}}')
    assert RecordedRun.load(path).release == ""
    path.write_text('{"versions": {"spotstream": "99')
    with pytest.raises(ValueError, match="truncated"):
        RecordedRun.load(path)
