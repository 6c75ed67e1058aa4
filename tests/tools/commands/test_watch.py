from typer.testing import CliRunner

from tools.main import app


def test_a_key_pair_is_created_in_the_given_folder(tmp_path):
    folder = tmp_path / "own"
    result = CliRunner().invoke(app, ["keys", "new", "north", "--folder", str(folder)])
    assert result.output == (
        f"{folder}/north.key: public, for the others\n"
        f"{folder}/north.key_secret: secret, for north alone\n"
    )
    assert {file.name for file in folder.iterdir()} == {"north.key", "north.key_secret"}
