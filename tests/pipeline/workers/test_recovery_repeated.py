"""Results whose completion was itself killed, and is repeated."""

import pytest

from pipeline.workers.recovery import complete_results
from stages.atomic import part_path
from stages.result_files import TIMES
from stages.sink.results import CHECKPOINT
from stages.sink.stream_results import StreamResults
from tests.pipeline.workers.conftest import acknowledge, feed
from tests.pipeline.workers.leftovers import completed, frames_of, left_by


def killed(*_):
    raise SystemExit


@pytest.mark.usefixtures("checkpoints_always_due")
def test_rows_are_not_repeated_where_a_power_failure_took_some(sink, tmp_path, monkeypatch):
    north = sink(live=True)
    feed(north, 4)
    acknowledge(north, lambda: (north.folder / CHECKPOINT).exists())
    feed(north, 8, begin=4)
    folder = left_by(north, tmp_path)
    times = part_path(folder / TIMES)
    times.write_text("".join(times.read_text().splitlines(keepends=True)[:2]))
    with monkeypatch.context() as patched:
        patched.setattr(StreamResults, "finish", killed)
        with pytest.raises(SystemExit):
            complete_results(folder, print)
    report = completed(folder)
    assert frames_of(folder) == [1, 2, 5, 6, 7, 8]
    assert (report["frames"]["in"], report["frames"]["missing"]) == (8, 2)
