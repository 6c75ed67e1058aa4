"""The model card's scores still hold for the weights that ship."""

from pathlib import Path

import pytest

from stages.detector.network_detector import shipped_weights
from stages.detector.spotnet import SpotNet
from tools.training.coco import load_samples
from tools.training.config import load_training_config
from tools.training.trainer import evaluate

ROOT = Path(__file__).parents[3]
DATA = ROOT.parent / "shared" / "data"


@pytest.mark.skipif(not DATA.is_dir(), reason="the real images are not here")
@pytest.mark.parametrize(("data_set", "ap50"), [("traffic", 0.72), ("uav", 0.98)])
def test_unseen_scenes_are_detected(monkeypatch, data_set, ap50):
    monkeypatch.chdir(ROOT)
    config = load_training_config(Path("configs/train/compact.yaml"))
    [source] = [each for each in config.data if each.path.name == data_set]
    unseen = [sample for sample in load_samples(source) if sample.scene in source.held_out]
    model = SpotNet.from_checkpoint(shipped_weights())
    assert evaluate(model, unseen, config)[data_set]["AP50"] > ap50
