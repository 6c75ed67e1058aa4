from pathlib import Path
from typing import get_args

import pytest
import typer
from typer.testing import CliRunner

from pipeline.config_file import built_in_configs
from stages.errors import ConfigError, OutputError
from tools.commands.options import CONFIG_HELP, TrackerName, refuse_inputs
from tools.main import app
from trackers import TRACKERS


def test_options_offer_all_trackers_and_configs():
    assert set(get_args(TrackerName)) == set(TRACKERS)
    assert all(name in CONFIG_HELP for name in built_in_configs())


def arguments(command):
    """Yields the arguments of a command and its subcommands."""
    for each in getattr(command, "commands", {}).values():
        yield from arguments(each)
    yield from (each for each in command.params if each.param_type_name == "argument")


def test_help_shows_arguments_as_documents_write_them():
    names = [each.metavar or each.name for each in arguments(typer.main.get_command(app))]
    assert "SOURCE" in names
    assert [name for name in names if not name.replace("_", "").isupper()] == []


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("run --config uav", "uav uavdt"),
        ("config d", "demo detrac"),
        ("track --config rt", "rtsp"),
        ("track --tracker s", "sort spottrack"),
        ("evaluate detrac --tracker u", "uav uavdt"),
        ("evaluate detrac --tracker b", "bytetrack"),
        ("tune --config de", "demo detrac"),
        ("detect --config int", "intersection"),
        ("train n", "nano"),
        ("validate com", "compact"),
        ("export --weights ", "compact nano base"),
        ("export --weights own/", ""),
    ],
)
def test_shells_complete_the_names_of_shipped_configs_and_weights(line, offered):
    variables = {
        "_SPOTSTREAM_COMPLETE": "complete_bash",
        "COMP_WORDS": f"spotstream {line}",
        "COMP_CWORD": str(len(f"spotstream {line}x".split()) - 1),
    }
    result = CliRunner().invoke(app, [], env=variables, prog_name="spotstream")
    assert result.output.split() == offered.split()


@pytest.mark.parametrize("command", ["evaluate detrac", "evaluate mot", "tune", "segment", "synth"])
def test_parallel_commands_accept_a_number_of_workers(command):
    assert CliRunner().invoke(app, [*command.split(), "--workers", "2", "--help"]).exit_code == 0


@pytest.mark.parametrize(
    "line",
    [
        "tune --view drone --output",
        "tune --view drone --json",
        "detect a.jpg --output",
        "export --format onnx --output",
        "validate compact --json",
        "evaluate coco --gt a.json --detections b.json --csv",
        "evaluate mot --gt gt --results tracks --json",
        "data check . --json",
        "bench sink --json",
        "bench scores --json",
        "bench curve compact --plot",
    ],
)
def test_an_unwritable_output_is_refused_before_the_work(line, tmp_path):
    error = CliRunner().invoke(app, [*line.split(), str(tmp_path)]).exception
    assert isinstance(error, OutputError)
    assert str(error) == f"cannot write {tmp_path}: is a directory"


@pytest.mark.parametrize("line", ["data check .", "segment .", "synth --output synth"])
def test_a_sheet_without_an_image_format_is_refused_before_the_work(line, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    error = CliRunner().invoke(app, [*line.split(), "--sheet", "sheet.pdf"]).exception
    assert isinstance(error, ConfigError)
    assert "cannot write sheet.pdf: '.pdf' is not an image format" in str(error)
    assert not list(tmp_path.iterdir())


def test_outputs_that_are_inputs_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "gt"
    folder.mkdir()
    inputs = (folder, Path("annotations.json"), None)
    for name in ("annotations.json", "gt/M0101_gt.txt", "gt/scores.json"):
        (tmp_path / name).touch()
    refuse_inputs([Path("other.json"), None, Path("gt/scores.json"), Path("gt/new.txt")], inputs)
    for name in ("annotations.json", "gt/../annotations.json", "gt/M0101_gt.txt"):
        with pytest.raises(ConfigError, match=f"output {name} is one of the inputs"):
            refuse_inputs([Path(name)], inputs)


@pytest.mark.parametrize(
    "line",
    [
        "detect read.json --output read.json",
        "detect . --ids read.json --output read.json",
        "export --format onnx --weights read.json --output read.json",
        "evaluate coco --gt read.json --detections other.json --json read.json",
        "evaluate coco --gt read.json --detections other.json --csv read.json",
        "evaluate coco --gt other.json --detections name=read.json --json read.json",
    ],
)
def test_no_command_overwrites_its_inputs(line, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("read.json").write_text("{}")
    error = CliRunner().invoke(app, line.split()).exception
    assert isinstance(error, ConfigError)
    assert str(error) == "output read.json is one of the inputs; choose another"
    assert Path("read.json").read_text() == "{}"


@pytest.mark.parametrize(
    ("line", "options"),
    [
        ("tune --view drone", "--output --json"),
        ("detect .", "--output --dataset"),
        ("evaluate coco --gt a.json --detections b.json", "--json --csv"),
        ("evaluate mot --gt gt --results tracks", "--json --csv"),
        ("data check .", "--sheet --json"),
        *(
            (f"bench {bench}", "--json --plot")
            for bench in ("streams", "detect", "track", "curve compact")
        ),
    ],
)
def test_two_outputs_in_one_file_are_refused_before_the_work(line, options, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "below").mkdir()
    name = "same.png" if "--json" in options and "--csv" not in options else "same.json"
    first, second = options.split()
    given = [first, f"below/../{name}", second, name]
    error = CliRunner().invoke(app, [*line.split(), *given]).exception
    assert isinstance(error, ConfigError)
    same = f"{first} and {second} are the same file, below/../{name}"
    assert str(error) == f"{same}; choose another for one"
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("track", "--detections", "{here}", "--output"),
        ("segment", "{here}", "--output"),
        ("synth", "--output"),
        ("evaluate", "detrac", "--gt", "{here}", "--detections", "{here}", "--report"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_an_unwritable_folder_is_refused_before_the_work(tmp_path, arguments):
    (tmp_path / "file").touch()
    command = [each.format(here=tmp_path) for each in arguments]
    for output in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(OutputError, match=r"^cannot write .*: not a directory"):
            app([*command, str(output)], standalone_mode=False)
