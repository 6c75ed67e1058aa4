"""Runs that overwrite the results of earlier ones."""

import json
import os

from pipeline.supervision.commands import add_stream, find_run
from stages.result_files import read_report
from stages.sink.folder_contents import has_results
from tools.harness.material import detections_setting, make_clip
from tools.harness.runner import run_with


def test_what_earlier_runs_set_aside_is_replaced_and_what_this_one_sets_aside_stays(tmp_path):
    clip, out = make_clip(tmp_path / "material", 10), tmp_path / "out"
    aside = out / "north-earlier"
    for folder, stream in ((aside, "north"), (out / "west-earlier", "west")):
        folder.mkdir(parents=True)
        (folder / "run.json").write_text(json.dumps({"stream": stream}))
        (folder / "crossings.txt").write_text("1,0.000,1,,middle,left\n")

    def harm(victim):
        victim.wait(lambda: "decoder of south" in victim.supervisor.processes())
        victim.wait(lambda: "decoder of north" not in victim.supervisor.processes())
        aside.rmdir()  # it is empty: of this run, north is set aside there again
        add_stream(find_run(os.getpid()), str(clip), "north")
        victim.wait(lambda: "north" in victim.supervisor.result.finished)
        victim.wait(lambda: (out / "north/run.json").exists())
        victim.supervisor.stop()

    given = [detections_setting(clip), "decoder.pace=original", "runtime.parallel_streams=2"]
    long = make_clip(tmp_path / "long", 1500)
    run_with([f"north={clip}", f"south={long}"], out, given, harm)
    for name in ("north", "north-earlier"):
        assert read_report(out / name)["frames"]["out"] == 10
    assert has_results(out / "west-earlier")
