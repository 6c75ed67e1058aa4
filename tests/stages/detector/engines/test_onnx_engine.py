import pytest

from stages.detector.engines.onnx_engine import OnnxRuntimeEngine

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


def test_the_requested_threads_are_used_and_do_not_spin(weights):
    options = OnnxRuntimeEngine(weights, 3)._session.get_session_options()
    assert options.intra_op_num_threads == 3
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"
