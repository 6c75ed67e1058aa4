from pathlib import Path

import pytest

from pipeline.config import load_config
from stages.errors import ConfigError

CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("*.yaml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_shipped_configs_load(path):
    load_config(path)


def test_overrides_win(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("runtime: {slots: 4}\n")
    config = load_config(path, ["runtime.slots=6", "tracker.settings.max_age=30"])
    assert (config.runtime.slots, config.tracker.settings) == (6, {"max_age": 30})


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("runtime.slot=6", "unknown key runtime.slot; allowed here: mode, slots"),
        ("runtime.slots=1", "runtime.slots: .* got 1"),
        ("decoder.frame_rate=0", "decoder.frame_rate: .*positive"),
        ("slots", "needs key.path=value"),
    ],
)
def test_a_wrong_setting_is_named(override, message):
    with pytest.raises(ConfigError, match=message):
        load_config(None, [override])
