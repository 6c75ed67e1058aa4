"""What the engine does around OpenVINO, which need not be there."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from stages.detector.engines import openvino_engine
from stages.detector.engines.openvino_engine import OpenVinoEngine


class Core:
    """Plays ``openvino.Core``: counts what it compiles."""

    def __init__(self):
        self.compiled = 0

    def compile_model(self, model, device, properties):
        self.compiled += 1
        empty = SimpleNamespace(data=np.zeros((1, 0)))
        request = SimpleNamespace(infer=lambda *a, **k: None, get_tensor=lambda name: empty)
        return SimpleNamespace(create_infer_request=lambda: request)


@pytest.fixture
def engine(monkeypatch):
    dynamic = SimpleNamespace(is_static=False)
    model = SimpleNamespace(
        inputs=[SimpleNamespace(partial_shape=(1, dynamic, dynamic, 3))],
        get_ops=list,
        reshape=lambda shape: None,
    )
    package = SimpleNamespace(Core=Core, __version__="2026.0")
    monkeypatch.setattr(openvino_engine, "need", lambda *names: package)
    monkeypatch.setattr(openvino_engine, "read_exported", lambda core, path: (model, None))
    return OpenVinoEngine(Path("model.xml"))


def test_few_sizes_stay_compiled(engine):
    def detect(height):
        engine.detect(np.zeros((1, height, 64, 3), np.uint8))
        return engine._core.compiled

    assert detect(64) == detect(64) == 1
    for number in range(2, 18):
        assert detect(64 * number) == number
    assert len(engine._requests) == 16
    assert detect(64 * 17) == 17
    assert detect(64) == 18
