from typing import get_args

from pipeline.config import built_in_configs
from tools.commands.config_help import CONFIG_HELP, TrackerName
from trackers import TRACKERS


def test_options_offer_what_there_is():
    assert set(get_args(TrackerName)) == set(TRACKERS)
    assert all(name in CONFIG_HELP for name in built_in_configs())
