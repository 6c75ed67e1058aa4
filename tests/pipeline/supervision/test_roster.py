from pipeline.plan import StreamPlan
from pipeline.supervision.monitor import RunMonitor
from pipeline.supervision.roster import Roster, RunningStream


def test_memory_is_bounded_however_many_streams_come_and_go(tmp_path):
    roster = Roster([], tmp_path, 4, RunMonitor())
    for number in range(200):
        for name in roster.add("scene://demo", f"demo-{number}"):
            (spec,) = roster.due()
            plan = StreamPlan(name, spec.location, "", "", number)
            roster.running[name] = RunningStream(plan, None, None, None)
            roster.fail(name, "no such scene")
            roster.end(name)
    assert not roster
    assert [view.name for view in roster.views()] == [f"demo-{n}" for n in range(100, 200)]
    kept = [held for held in vars(roster).values() if hasattr(held, "__len__")]
    assert sum(map(len, kept)) == 100
