from functools import partial

import pytest

from pipeline.config_file import built_in_configs
from stages.errors import ConfigError
from tests.tools.invoking import output_of

listed = partial(output_of, "config")


def test_a_training_config_is_listed_by_name_or_by_file():
    by_name = listed("compact")
    assert "\n# Steps between validations. At least 1.\nvalidate_every: 2000\n" in by_name
    assert listed(built_in_configs("train")["compact"]) == by_name
    assert "\nsteps: 7\n" in listed("compact", "--set", "steps=7")


def test_a_file_without_data_sets_is_a_run_config(tmp_path):
    own = tmp_path / "own.yaml"
    own.write_text("decoder: {last_frame: 9}\n")
    assert "\n  last_frame: 9\n" in listed(own)
    assert "\n  transport: auto\n" in listed()
    of_a_drone = listed("uav", own)
    assert of_a_drone == listed("uav", "--set", "decoder.last_frame=9") != listed(own)


def test_a_training_config_cannot_be_combined_with_other_configs(tmp_path):
    own = tmp_path / "own.yaml"
    own.write_text("decoder: {last_frame: 9}\n")
    for given in (("compact", own), ("uav", "compact")):
        with pytest.raises(ConfigError, match=r"^compact is a training config, which does not"):
            listed(*given)


@pytest.mark.parametrize("name", ["nowhere", "L" * 300])
def test_an_unreadable_config_is_reported_by_name(name):
    with pytest.raises(ConfigError, match=f"config (file )?{name}"):
        listed(name)
