from __future__ import annotations

import pytest
from typer.testing import CliRunner

from stages.errors import ConfigError
from tools.main import app


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--only", "norfair"], "--only needs --peers"),
        (["--reference", "clone"], "--reference needs --peers"),
        (["--objects", "0"], "give --detections, too"),
        (["--plot", "ratios.png"], "give --peers, too"),
    ],
)
def test_options_without_effect_are_refused(options, message):
    done = CliRunner().invoke(app, ["bench", "track", *options])
    assert isinstance(done.exception, ConfigError)
    assert message in str(done.exception)
