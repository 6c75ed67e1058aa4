"""Runs that have found the frames of a moving camera on a picture are read again."""

from tests.pipeline.drone import DRAWN, reference
from tools.commands.count import count


def test_counts_at_lines_drawn_afterwards_are_those_of_the_run(drone, moving_run, tmp_path):
    clip, *_ = drone

    def tables(name, *settings):
        count([moving_run], output=tmp_path / name, set_=settings)
        return {path.name: path.read_text() for path in (tmp_path / name).iterdir()}

    own = tables("own")
    assert own["crossings.csv"].count("\n") > 10
    assert own["zones.csv"].count("\n") > 1
    assert tables("again", *DRAWN) == own
    assert tables("named", *DRAWN, reference(clip)) == own
