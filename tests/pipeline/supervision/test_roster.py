import zmq

from pipeline.config import RuntimeConfig
from pipeline.supervision.monitor import RunMonitor
from pipeline.supervision.process import StageProcess
from pipeline.supervision.roster import Roster
from pipeline.supervision.runtime_folder import RuntimeFolder


def test_memory_is_bounded_however_many_streams_come_and_go(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    folder = RuntimeFolder("out")
    roster = Roster([], tmp_path, RuntimeConfig(), RunMonitor())
    with zmq.Context() as context:
        for number in range(200):
            for name in roster.add("scene://demo", f"demo-{number}"):
                (spec,) = roster.due()
                decoder = StageProcess(name, lambda: None, 60.0, 5)
                roster.begin(spec, decoder, folder, context, only_one=False)
                roster.fail(name, "no such scene")
                roster.end(name)
    folder.close()
    assert not roster
    assert [view.name for view in roster.views()] == [f"demo-{n}" for n in range(100, 200)]
    kept = [held for held in vars(roster).values() if hasattr(held, "__len__")]
    assert sum(map(len, kept)) == 100
