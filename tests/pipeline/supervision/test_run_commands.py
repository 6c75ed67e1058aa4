import os
from types import SimpleNamespace

import pytest

from pipeline.config import RunConfig
from pipeline.config_file import load_config
from pipeline.signals import StopRequests
from pipeline.supervision import stage_processes
from pipeline.supervision.commands import AddStream, Describe, RemoveStream
from pipeline.supervision.monitor import RunMonitor
from pipeline.supervision.result import RunResult
from pipeline.supervision.roster import Roster
from pipeline.supervision.run_commands import RunCommands
from pipeline.supervision.run_resources import open_run_resources
from pipeline.supervision.stage_processes import StageProcesses
from stages.errors import ConfigError
from tests.pipeline.scraping import get
from tests.summaries import summary
from tools.harness.ports import free_port

ADD = AddStream("rtsp://host/live", "cam")


@pytest.fixture
def run(tmp_path):
    config, stops, result = RunConfig(), StopRequests(), RunResult()
    roster = Roster([], tmp_path, config, RunMonitor())
    processes = StageProcesses(config, tmp_path, roster, debug=False, json_log=False)
    processes.make_shared("sockets")
    commands = RunCommands(tmp_path, result, roster, processes, stops)
    return SimpleNamespace(
        commands=commands, roster=roster, processes=processes, stops=stops, result=result
    )


def test_streams_are_added_described_and_removed(run, tmp_path):
    assert run.commands.carry_out(ADD) == ["cam"]
    overview = run.commands.carry_out(Describe())
    assert (overview.pid, overview.output) == (os.getpid(), str(tmp_path))
    assert overview.seconds >= 0
    assert [(stream.name, stream.state) for stream in overview.streams] == [("cam", "waiting")]
    states = {process.name: (process.pid, process.state) for process in overview.processes}
    assert states == dict.fromkeys(("sink", "tracker", "detector"), (0, "waiting"))
    assert run.commands.carry_out(RemoveStream("cam")) is None
    assert run.roster.unfinished == []


def test_serving_updates_the_heartbeat_and_the_overview(run, temporary, tmp_path):
    temporary(tmp_path)
    now, port = [0.0], free_port()
    monitor = RunMonitor(lambda: now[0])
    config = load_config(None, [f"runtime.web={port}"])
    with open_run_resources(config, tmp_path, monitor, lambda: True, print) as resources:
        now[0] = 1000.0
        assert not monitor.is_loop_running
        run.commands.serve(resources)
        assert monitor.is_loop_running
        code, overview = get(port, "/overview.json")
        assert code == 200
        assert f'"output":"{tmp_path}"' in overview


def test_restarts_of_each_process_are_described(run):
    for process in run.processes.all():
        process.restarts = len(process.role)
    restarts = {each.name: each.restarts for each in run.commands.carry_out(Describe()).processes}
    assert restarts == {"sink": 4, "tracker": 7, "detector": 8}


def test_adding_a_stream_again_clears_its_earlier_outcome(run):
    for name in ("cam", "south"):
        run.result.failed[name] = "it broke"
        run.result.finished[name] = summary(3)
    run.commands.carry_out(ADD)
    assert run.result.failed == {"south": "it broke"}
    assert run.result.finished.keys() == {"south"}


def test_run_that_was_asked_to_end_accepts_no_streams(run):
    run.commands.carry_out(ADD)
    run.stops.add()
    with pytest.raises(ConfigError, match=r"^the pipeline is about to end$"):
        run.commands.carry_out(AddStream("rtsp://host/live", "south"))
    run.commands.carry_out(RemoveStream("cam"))
    assert run.roster.unfinished == []


def test_run_whose_program_was_replaced_accepts_no_streams(run, monkeypatch):
    monkeypatch.setattr(stage_processes, "installed_release", lambda: "99.0")
    with pytest.raises(ConfigError, match=r"was replaced by 99\.0 under this run: start it again"):
        run.commands.carry_out(ADD)


@pytest.mark.parametrize("command", [ADD, RemoveStream("cam")])
def test_run_completing_its_results_only_describes_itself(run, command):
    run.commands.closed = True
    with pytest.raises(ConfigError, match=r"^the pipeline is about to end$"):
        run.commands.carry_out(command)
    assert run.commands.carry_out(Describe()).streams == []
