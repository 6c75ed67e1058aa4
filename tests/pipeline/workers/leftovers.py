"""The leftovers of killed sinks, and their completion."""

import shutil

import numpy as np

from pipeline.workers.recovery import complete_results, has_leftovers, remove_if_complete
from stages.result_files import read_report
from tests.pipeline.workers.conftest import advance_until


def copy_leftovers(stream, tmp_path):
    """Copies what a sink that is killed now leaves behind; returns the folder."""
    folder = tmp_path / "left" / stream.name
    shutil.copytree(stream.folder, folder)
    assert has_leftovers(folder)
    assert not remove_if_complete(folder)
    return folder


def complete(folder):
    """Completes the results and returns ``run.json``."""
    notices = []
    report = complete_results(folder, notices.append)
    assert notices == []
    names = {path.name for path in folder.iterdir()}
    assert names == {"run.json", *report.files}
    assert not has_leftovers(folder)
    return read_report(folder)


def frames_of(folder):
    return np.loadtxt(folder / "times.txt", "U99", delimiter=",")[:, 0].astype(int).tolist()


def wait_until_kept(stream, frames):
    advance_until(stream, lambda: stream.results.overlays.kept == frames)
