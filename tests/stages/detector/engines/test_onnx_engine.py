import pytest

from stages.detector.engines.onnx_engine import OnnxRuntimeEngine
from stages.detector.engines.onnx_graph import onnx_model
from stages.detector.weights_file import load_network

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


def test_the_requested_threads_are_used_and_do_not_spin(weights):
    options = OnnxRuntimeEngine(weights, 3)._session.get_session_options()
    assert options.intra_op_num_threads == 3
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"


def test_a_model_whose_suffix_is_in_capitals_is_read(weights, tmp_path):
    path = tmp_path / "MODEL.ONNX"
    path.write_bytes(onnx_model(load_network(weights)))
    assert OnnxRuntimeEngine(path).config == OnnxRuntimeEngine(weights).config
