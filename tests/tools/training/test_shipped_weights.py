"""The model card's scores still hold for the weights that ship."""

from pathlib import Path

import pytest

from stages.detector.shipped import find_weights
from stages.detector.spotnet import SpotNet
from tools.training.config import load_training_config
from tools.training.sources import ClassMap, read_sources
from tools.training.validation import evaluate

ROOT = Path(__file__).parents[3]
DATA = ROOT.parent / "shared" / "data"


@pytest.mark.skipif(not DATA.is_dir(), reason="the real images are not here")
@pytest.mark.parametrize(("name", "least"), [("compact", (0.75, 0.54)), ("nano", (0.715, 0.47))])
def test_unseen_scenes_are_detected(name, least, monkeypatch):
    monkeypatch.chdir(ROOT)
    config = load_training_config(Path("configs/train/compact.yaml"))
    real = tuple(each for each in config.data if each.held_out)
    config = config.model_copy(update={"data": real})
    model = SpotNet.from_checkpoint(find_weights(Path(name)))
    scores = evaluate(model, read_sources(config).validation, ClassMap.of(config))
    assert scores["traffic"]["AP50"] > least[0]
    assert scores["traffic"]["AP70"] > least[1]
    assert scores["uav"]["AP50"] > 0.98
