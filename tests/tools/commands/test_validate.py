from typer.testing import CliRunner

from tests.tools.conftest import write_config
from tools.main import app


def test_scores_do_not_replace_the_config(tiny_config, tmp_path):
    config = write_config(tiny_config(), tmp_path)
    before = config.read_bytes()
    result = CliRunner().invoke(app, ["validate", str(config), "--json", str(config)])
    assert str(result.exception) == f"output {config} is one of the inputs; choose another"
    assert config.read_bytes() == before
