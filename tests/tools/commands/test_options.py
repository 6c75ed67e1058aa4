from typing import get_args

import pytest
from typer.testing import CliRunner

from pipeline.config_file import built_in_configs
from tools.commands.options import CONFIG_HELP, TrackerName
from tools.main import app
from trackers import TRACKERS


def test_options_offer_what_there_is():
    assert set(get_args(TrackerName)) == set(TRACKERS)
    assert all(name in CONFIG_HELP for name in built_in_configs())


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("run --config uav", "uav uavdt"),
        ("config d", "demo detrac"),
        ("track --config rt", "rtsp"),
        ("tune --config de", "demo detrac"),
        ("detect --config int", "intersection"),
        ("train n", "nano"),
        ("validate com", "compact"),
        ("export --weights ", "compact nano base"),
        ("export --weights own/", ""),
    ],
)
def test_shells_complete_names_of_what_ships(line, offered):
    variables = {
        "_SPOTSTREAM_COMPLETE": "complete_bash",
        "COMP_WORDS": f"spotstream {line}",
        "COMP_CWORD": str(len(f"spotstream {line}x".split()) - 1),
    }
    result = CliRunner().invoke(app, [], env=variables, prog_name="spotstream")
    assert result.output.split() == offered.split()


@pytest.mark.parametrize("option", ["--workers", "--jobs"])
@pytest.mark.parametrize("command", ["evaluate detrac", "evaluate mot", "tune", "segment", "synth"])
def test_the_number_of_processes_is_one_option_everywhere(command, option):
    assert CliRunner().invoke(app, [*command.split(), option, "2", "--help"]).exit_code == 0
