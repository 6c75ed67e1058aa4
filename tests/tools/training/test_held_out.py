import pytest
import yaml

from stages.detector.spotnet import SpotNet, save_checkpoint
from tools.training.held_out import score_held_out


@pytest.mark.parametrize(
    ("names", "scored"),
    [
        (("car", "van"), ["c", "all at scale 1", "car", "van"]),
        (("van", "car"), ["c", "all at scale 1"]),
        (("vehicle",), ["c", "all at scale 1"]),
    ],
)
def test_classes_are_scored_where_the_weights_have_those_of_the_config(
    tiny_config, data_set, tmp_path, names, scored
):
    config = tiny_config(classes={"car": ["car"], "van": ["van"]})
    file, weights = tmp_path / "config.yaml", tmp_path / "weights.safetensors"
    file.write_text(yaml.safe_dump(config.model_dump(mode="json")))
    other = tiny_config(classes={name: [name] for name in names})
    save_checkpoint(SpotNet(other.network()), weights)
    [groups] = score_held_out(file, weights=weights)
    assert [group.name.removeprefix("drawn").lstrip(", ") for group in groups] == scored
    if len(groups) == 4:
        assert [group.boxes for group in groups] == [2, 2, 2, 0]
