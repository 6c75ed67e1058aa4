import pytest
from typer.testing import CliRunner

from tools.main import app


@pytest.mark.parametrize(
    ("options", "size", "is_int8"),
    [([], None, False), (["--size", "960x540"], (960, 540), False), (["--int8"], None, True)],
)
def test_size_and_int8_options_are_passed_to_the_export(
    tmp_path, monkeypatch, options, size, is_int8
):
    asked = []

    def export(weights, kind, output, size, *, int8):
        asked.append((weights.name, kind, size, int8))
        output.write_bytes(bytes(1_500_000))
        return [output]

    monkeypatch.setattr("tools.exporting.formats.export", export)
    output = tmp_path / "model.onnx"
    arguments = ["export", "--format", "onnx", "--weights", "nano", "--output", str(output)]
    result = CliRunner().invoke(app, [*arguments, *options], catch_exceptions=False)
    assert result.output == f"{output}: 1.5 MB\n"
    assert asked == [("nano.safetensors", "onnx", size, is_int8)]
