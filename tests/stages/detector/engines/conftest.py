from pathlib import Path

import numpy as np
import pytest
import torch

from stages.detector.shipped import find_weights
from stages.scene import Scene, SceneConfig


@pytest.fixture(scope="session")
def weights() -> Path:
    return find_weights()


@pytest.fixture(scope="session")
def images():
    """Two images of a scene, ``(2, 192, 320, 3)``."""
    scene = Scene(SceneConfig(seed=2, width=320, height=192, frames=20, vehicles=120))
    return np.stack([scene.render(index).image for index in (3, 9)])


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
