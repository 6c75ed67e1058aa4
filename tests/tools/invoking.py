"""Commands run in the process of the tests."""

from typer.testing import CliRunner

from tools.main import app


def output_of(*arguments: object) -> str:
    """Runs a command that must succeed; returns its output, including standard error."""
    result = CliRunner().invoke(app, [*map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output
