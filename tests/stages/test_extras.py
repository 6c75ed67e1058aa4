import os
import subprocess
import sys

import pytest

from stages.errors import ConfigError
from stages.extras import install_hint, installed, require


def test_installed_package_is_imported():
    assert require("json", "all", "--port") is sys.modules["json"]
    assert installed("json", "csv")
    assert not installed("json", "no_such_package")


def test_missing_package_error_says_how_to_install_it():
    expected = r"^--port needs the package no_such_package: pip install '\.\[serve\]' in the clone"
    with pytest.raises(ConfigError, match=expected):
        require("no_such_package", "serve", "--port")


@pytest.mark.parametrize("module", ["onnxruntime", "openvino"])
def test_telemetry_of_packages_is_disabled(tmp_path, module):
    """When they report their use, both packages write files to the home folder."""
    if not installed(module):
        pytest.skip(f"{module} is not installed")
    settings = ("ORT_DISABLE_TELEMETRY", "XDG_CACHE_HOME")
    inherited = {name: value for name, value in os.environ.items() if name not in settings}
    code = f"from stages.extras import require; require({module!r}, 'extra', 'user')"
    subprocess.run([sys.executable, "-c", code], env=inherited | {"HOME": tmp_path}, check=True)
    assert list(tmp_path.iterdir()) == []


def test_telemetry_setting_of_the_user_is_kept(monkeypatch):
    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "0")
    require("json", "all", "--port")
    assert os.environ["ORT_DISABLE_TELEMETRY"] == "0"


def test_install_hint_for_a_wheel_names_the_packages(tmp_path, monkeypatch):
    (tmp_path / "spotstream-9.dist-info").mkdir()
    (tmp_path / "spotstream-9.dist-info" / "METADATA").write_text(
        "Name: spotstream\nRequires-Dist: numpy<3\nRequires-Dist: onnx<2,>=1.17; extra == 'onnx'\n"
        "Requires-Dist: onnxruntime<2; extra == 'onnx'\nRequires-Dist: ruff; extra == 'dev'\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert install_hint("onnx") == "pip install 'onnx<2,>=1.17' 'onnxruntime<2'"
