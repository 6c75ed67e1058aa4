import itertools
import json

import pytest

from pipeline.reports import (
    Alive,
    Batches,
    Completing,
    Crashed,
    Done,
    Failed,
    Notice,
    Progress,
    Ready,
    StreamMetrics,
)
from tests.summaries import summary
from tools.running.event_log import EventLog

METRICS = StreamMetrics(frames=9, dropped={}, connections=0, durations={})
SUMMARY = summary(9, tracks=2, dropped=1, fps=24.5, folder="out/cam", files=("mot.txt",))
PROGRESS = Progress(
    "sink", stream="cam", frames=5, dropped=2, total=9, work_ms={"sink": 1.5}, metrics=METRICS
)


@pytest.fixture
def lines(capsys):
    log = EventLog()

    def lines(*reports):
        for report in reports:
            log.show(report)
        written = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
        return [{name: line[name] for name in line if name != "time"} for line in written]

    return lines


@pytest.mark.parametrize(
    ("report", "line"),
    [
        (Ready("tracker"), {"level": "info", "event": "ready", "stage": "tracker"}),
        (
            Notice("decoder", stream="cam", message="is back"),
            {"level": "warning", "event": "notice", "stage": "decoder", "stream": "cam"}
            | {"message": "is back"},
        ),
        (
            Notice("detector", 1, message="starting it again", event="restart"),
            {"level": "warning", "event": "restart", "stage": "detector", "worker": 2}
            | {"message": "starting it again"},
        ),
        (
            PROGRESS,
            {"level": "info", "event": "progress", "stage": "sink", "stream": "cam"}
            | {"frames": 5, "dropped": 2, "work_ms": {"sink": 1.5}},
        ),
        (
            Done("sink", stream="cam", message="", summary=SUMMARY, metrics=METRICS),
            {"level": "info", "event": "done", "stage": "sink", "stream": "cam"}
            | {"frames": 9, "tracks": 2, "status": "complete", "dropped": 1, "behind": 0}
            | {"fps": 24.5, "folder": "out/cam", "files": ["mot.txt"], "crossings": {}}
            | {"zones": {}},
        ),
        (
            Failed("sink", message="disk full", exit_code=4),
            {"level": "error", "event": "failed", "stage": "sink", "message": "disk full"},
        ),
        (
            Crashed("detector", message="KeyError: 1"),
            {"level": "error", "event": "crashed", "stage": "detector", "worker": 1}
            | {"message": "KeyError: 1"},
        ),
    ],
)
def test_each_event_is_one_json_line(lines, report, line):
    written = lines(report)
    assert written == [line]
    assert list(written[0]) == list(line)


def test_non_events_and_immediately_repeated_progress_are_not_logged(lines):
    assert lines(Alive("sink"), Batches("detector", counts={8: 2}), Completing("sink")) == []
    assert len(lines(PROGRESS, PROGRESS)) == 1


def test_progress_is_logged_less_and_less_often(capsys):
    now = [0.0]
    log = EventLog(lambda: now[0])
    logged = []
    for second in range(0, 2 * 86_400, 2):
        now[0] = float(second)
        log.show(PROGRESS)
        logged += [second] * len(capsys.readouterr().err.splitlines())
    intervals = [later - earlier for earlier, later in itertools.pairwise(logged)]
    assert intervals == sorted(intervals)
    assert intervals[:15] == [10] * 15
    assert intervals[-20:] == [3600] * 20
