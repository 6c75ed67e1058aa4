"""The model card's scores still hold for the weights that ship."""

import shutil
from pathlib import Path

import av
import cv2
import pytest

from stages.detector.shipped import find_weights
from stages.detector.spotnet import SpotNet
from tools.training.config import load_training_config
from tools.training.sources import ClassMap, read_sources
from tools.training.validation import detect_samples, evaluate, recall_at_alarms

ROOT = Path(__file__).parents[3]
DATA = ROOT.parent / "shared" / "data"
FRAMES = 0, 45, 95, 140, 190  # of the video that detrac_frames.json annotates

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the real images are not here")


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


@pytest.fixture(scope="module")
def detrac_frames(tmp_path_factory):
    """The annotated UA-DETRAC frames as a COCO folder."""
    folder = tmp_path_factory.mktemp("detrac")
    images = folder / "images"
    images.mkdir()
    shutil.copy(Path(__file__).with_name("detrac_frames.json"), folder / "annotations.json")
    shutil.copy(DATA / "detrac" / "images" / "MVI_20011" / "img00001.jpg", images)
    with av.open(str(DATA / "video" / "intersection_detrac.mp4")) as video:
        for number, frame in enumerate(video.decode(video=0)):
            if number in FRAMES:
                name = f"intersection-{FRAMES.index(number) + 1}.png"
                cv2.imwrite(str(images / name), frame.to_ndarray(format="bgr24"))
    return folder


@pytest.mark.parametrize("name", ["compact", "nano"])
def test_ua_detrac_is_detected(name, detrac_frames):
    held_out = "[intersection, MVI_20011]"
    config = load_training_config(
        ROOT / "configs" / "train" / "compact.yaml",
        [f"data=[{{path: {detrac_frames}, held_out: {held_out}}}]"],
    )
    model = SpotNet.from_checkpoint(find_weights(Path(name)))
    sources, classes = read_sources(config), ClassMap.of(config)
    [scores] = evaluate(model, sources.validation, classes).values()
    assert scores["AP50"] > 0.92
    assert scores["AP70"] > 0.76
    [(_, samples)] = sources.validation.values()
    found = detect_samples(model.fused(), samples, model.config.scale, classes)
    assert recall_at_alarms(found) > 0.65
