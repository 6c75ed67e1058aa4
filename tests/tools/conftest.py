import json

import av
import cv2
import numpy as np
import pytest
import yaml

from tools.training.config import TrainingConfig

TINY = {
    "dims": (8, 16),
    "modules": (1, 1),
    "stem_channels": 8,
    "feature_channels": 8,
    "head_channels": 8,
    "size_multiple": 8,
    "scale": 1.0,
}


def draw_image(rng, width=96, height=80):
    """A noisy grey image with bright rectangles, and their boxes (ltwh)."""
    image = rng.integers(40, 70, (height, width, 3), np.uint8)
    boxes = []
    for index in range(2):
        left, top = int(rng.integers(4, 20)) + 45 * index, int(rng.integers(4, 45))
        image[top : top + 20, left : left + 24] = 220
        boxes.append([left, top, 24, 20])
    return image, boxes


def write_coco(root, scenes=("a", "a", "b", "c"), categories=("car", "bike")):
    """Writes a data set of drawn images, one per entry of ``scenes``; all boxes have class 1."""
    (root / "images").mkdir(parents=True)
    rng = np.random.default_rng(5)
    images, annotations = [], []
    for number, scene in enumerate(scenes, 1):
        image, boxes = draw_image(rng)
        name = f"{number}.png"
        cv2.imwrite(str(root / "images" / name), image)
        height, width = image.shape[:2]
        images.append(
            {"id": number, "file_name": name, "width": width, "height": height, "scene": scene}
        )
        for box in boxes:
            annotations.append(
                {"id": len(annotations), "image_id": number, "category_id": 1, "bbox": box}
            )
    names = [{"id": index, "name": name} for index, name in enumerate(categories, 1)]
    content = {"images": images, "annotations": annotations, "categories": names}
    (root / "annotations.json").write_text(json.dumps(content))
    return root


def change_coco(data_set, edit):
    """Edits the annotations of a data set."""
    file = data_set / "annotations.json"
    content = json.loads(file.read_text())
    edit(content)
    file.write_text(json.dumps(content))


def hide(data_set, share):
    """Marks this share of every vehicle in a data set as hidden."""

    def edit(content):
        for annotation in content["annotations"]:
            annotation["hidden"] = share

    change_coco(data_set, edit)


def write_config(config, folder):
    """Writes a training config to a file."""
    file = folder / "train.yaml"
    file.write_text(yaml.safe_dump(config.model_dump(mode="json")))
    return file


@pytest.fixture
def data_set(tmp_path):
    return write_coco(tmp_path / "drawn")


@pytest.fixture
def tiny_config(data_set, tmp_path):
    def build(**changes):
        values = {
            "data": [{"path": data_set, "held_out": ["c"]}],
            "preset": "nano",
            "model": TINY,
            "crop": 64,
            "batch_size": 2,
            "steps": 6,
            "log_every": 1,
            "validate_every": 3,
            "save_every": 3,
            "workers": 0,
            "threads": 1,
            "precision": "float32",
            "device": "cpu",
            "output": tmp_path / "run",
        }
        return TrainingConfig.model_validate(values | changes)

    return build


@pytest.fixture
def av1_video(tmp_path, same_priority):
    """A video that PyAV decodes, but OpenCV only opens."""
    path = tmp_path / "av1.mp4"
    with av.open(str(path), "w") as container:
        try:
            stream = container.add_stream("libsvtav1", rate=25)
        except av.codec.codec.UnknownCodecError:
            pytest.skip("no encoder libsvtav1")
        stream.width, stream.height, stream.pix_fmt = 128, 128, "yuv420p"
        for _ in range(10):
            container.mux(stream.encode(av.VideoFrame(128, 128, "yuv420p")))
        container.mux(stream.encode(None))
    return path
