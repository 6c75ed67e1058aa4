"""The model card's scores still hold for the weights that ship."""

import shutil
from functools import partial
from pathlib import Path

import av
import cv2
import pytest

from stages.detector.shipped import find_weights
from stages.detector.spotnet import SpotNet
from tools.training.config import load_training_config
from tools.training.sources import ClassMap, read_sources
from tools.training.validation import (
    average_precision,
    detect,
    detect_samples,
    evaluate,
    recall_at_alarms,
)

ROOT = Path(__file__).parents[3]
DATA = ROOT.parent / "shared" / "data"
# Of the videos that detrac_frames.json and street_frames.json annotate.
INTERSECTION_FRAMES = 0, 45, 95, 140, 190
STREET_FRAMES = 100, 250, 400, 550, 750

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the real images are not here")


@pytest.mark.parametrize(
    ("name", "least"),
    [("compact", (0.75, 0.55)), ("nano", (0.715, 0.47)), ("base", (0.78, 0.59))],
)
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


def test_vehicles_that_nobody_annotated_do_not_count():
    folder, regions = DATA / "traffic", Path(__file__).with_name("street_unannotated.json")
    entry = f"{{path: {folder}, held_out: [street-A, street-Z], ignored: {regions}}}"
    ap50, ap70, recall = scores("compact", entry)
    assert ap50 > 0.85
    assert ap70 > 0.61
    assert recall > 0.74


def annotated(folder, annotations, video, frames):
    """A COCO folder of frames of a real video."""
    scene = video.stem.partition("_")[0]
    images = folder / "images"
    images.mkdir()
    shutil.copy(Path(__file__).with_name(annotations), folder / "annotations.json")
    with av.open(str(video)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number in frames:
                name = f"{scene}-{frames.index(number) + 1}.png"
                cv2.imwrite(str(images / name), frame.to_ndarray(format="bgr24"))
    return folder


def scores(name, entry):
    """AP50, AP70, and recall at half a false alarm an image, of a data set's entry."""
    path = ROOT / "configs" / "train" / "compact.yaml"
    config = load_training_config(path, [f"data=[{entry}]"])
    model = SpotNet.from_checkpoint(find_weights(Path(name))).fused()
    [(_, samples)] = read_sources(config).validation.values()
    at_scale = partial(detect, model, model.config.scale)
    found = detect_samples(at_scale, samples, ClassMap.of(config))
    return average_precision(found, 0.5), average_precision(found, 0.7), recall_at_alarms(found)


@pytest.mark.parametrize("name", ["compact", "nano", "base"])
def test_ua_detrac_is_detected(name, tmp_path):
    video = DATA / "video" / "intersection_detrac.mp4"
    folder = annotated(tmp_path, "detrac_frames.json", video, INTERSECTION_FRAMES)
    shutil.copy(DATA / "detrac" / "images" / "MVI_20011" / "img00001.jpg", folder / "images")
    ap50, ap70, recall = scores(name, f"{{path: {folder}, held_out: [intersection, MVI_20011]}}")
    assert ap50 > 0.92
    assert ap70 > 0.76
    assert recall > 0.65


def test_a_street_unlike_all_that_were_trained_on(tmp_path):
    video = DATA / "video" / "street_640.mp4"
    folder = annotated(tmp_path, "street_frames.json", video, STREET_FRAMES)
    ap50, _, _ = scores("compact", f"{{path: {folder}, held_out: [street_640]}}")
    assert ap50 > 0.55
