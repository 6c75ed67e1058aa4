import io

from rich.console import Console

from pipeline.reports import Failed, Notice
from tools.progress import ProgressView


def test_failures_that_do_not_end_the_run_are_told():
    said = io.StringIO()
    view = ProgressView(Console(file=said))
    view.show(Failed("decoder", stream="north", message="401 Unauthorized"))
    view.show(Failed("sink", message="no space left on device"))
    view.show(Notice("decoder", stream="south", message="connecting again"))
    assert said.getvalue().splitlines() == ["north: 401 Unauthorized", "south: connecting again"]
