"""Help texts and types of options that several commands share."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from math import isfinite
from pathlib import Path
from typing import Annotated, Literal, TypeAlias, TypeVar, get_args

import typer

from stages.atomic import check_folder_writable, check_writable
from stages.detector.shipped import SHIPPED
from stages.errors import ConfigError, OutputError
from stages.result_files import is_of_run

CONFIG_HELP = (
    "YAML file, which builds on intersection; or one of "
    "demo, intersection, uav, rtsp, detrac, uavdt. Of several, each builds on those before it."
)
"""Help text of ``--config`` options that take several configs."""

_OUTPUT_SUFFIXES = (".csv", ".json", ".yaml")

TrackerName: TypeAlias = Literal["sort", "bytetrack", "ocsort", "spottrack"]
"""The keys of `trackers.TRACKERS`."""

_Value = TypeVar("_Value")


def config_names(incomplete: str) -> list[str]:
    """Completes the name of a config; if none matches, shells complete files."""
    return _names_of_configs(incomplete, "")


def tracker_names(incomplete: str) -> list[str]:
    """Completes the name of one of our trackers."""
    return [name for name in get_args(TrackerName) if name.startswith(incomplete)]


def training_config_names(incomplete: str) -> list[str]:
    """Completes the name of a training config."""
    return _names_of_configs(incomplete, "train")


def weights_names(incomplete: str) -> list[str]:
    """Completes the name of shipped weights."""
    return [name for name in SHIPPED if name.startswith(incomplete)]


def _names_of_configs(incomplete: str, below: str) -> list[str]:
    from pipeline.config_file import built_in_configs

    return [name for name in built_in_configs(below) if name.startswith(incomplete)]


def finite(value: float) -> float:
    """Refuses infinity and NaN, which a minimum may let through."""
    if not isfinite(value):
        raise typer.BadParameter(f"{value} is not a number")
    return value


def writable(path: Path | None) -> Path | None:
    """Refuses an output that cannot or should not be written, before the work begins."""
    if path is not None:
        if is_of_run(path):
            raise ConfigError(f"output {path} is a result of a run; choose another")
        check_writable(path)
    return path


def writable_folder(path: Path | None) -> Path | None:
    """Refuses a folder that cannot be written to, before the work begins."""
    if path is not None:
        check_folder_writable(path)
    return path


def writable_image(path: Path | None) -> Path | None:
    """Refuses an image file that cannot be written, before the work begins."""
    from tools.image_writing import check_image_name

    if path is not None:
        check_image_name(path)
    return writable(path)


def by_stream(
    texts: Iterable[str], option: str, read: Callable[[str], _Value]
) -> dict[str, _Value]:
    """Returns the values of an option ``[NAME=]VALUE`` by stream; "" stands for all streams.

    Raises:
        ConfigError: A stream has two values; or what ``read`` raises for a text that is no value.
    """
    from stages.decoder.locations import split_name

    given: dict[str, _Value] = {}
    for name, text in map(split_name, texts):
        if name in given:
            raise ConfigError(f"{option} is given twice for {name or 'all streams'}")
        given[name] = read(text)
    return given


def refuse_unknown(given: Mapping[str, object], streams: Collection[str], option: str) -> None:
    """Refuses values `by_stream` for streams that do not exist."""
    if unknown := given.keys() - set(streams) - {""}:
        there = ", ".join(sorted(streams))
        raise ConfigError(f"{option}: no stream {min(unknown)}; there are {there}")


def refuse_inputs(outputs: Iterable[Path | None], inputs: Iterable[Path | None]) -> None:
    """Refuses an output that would replace one of the command's inputs.

    Earlier outputs in an input folder may be replaced.
    """
    read = {path.resolve() for path in inputs if path is not None}
    for path in outputs:
        if path is None or not path.exists():
            continue
        real = path.resolve()
        if real in read or (real.parent in read and real.suffix not in _OUTPUT_SUFFIXES):
            raise ConfigError(f"output {path} is one of the inputs; choose another")


def refuse_same(outputs: Mapping[str, Path | None]) -> None:
    """Refuses two options that name one file; ``outputs`` are by option."""
    first: dict[Path, tuple[str, Path]] = {}
    for option, path in outputs.items():
        if path is not None:
            other, same = first.setdefault(path.resolve(), (option, path))
            if other != option:
                raise ConfigError(
                    f"{other} and {option} are the same file, {same}; choose another for one"
                )


def refuse_existing(output: Path, *, overwrite: bool) -> None:
    """Refuses an output that exists, unless it is a file that may be replaced."""
    if output.exists() and not (overwrite and output.is_file()):
        advice = "choose another --output" + ("" if overwrite else ", or add --overwrite")
        raise OutputError(f"{output} exists; {advice}")


def _existing(path: Path) -> Path:
    """Refuses a missing file before reading the config, which imports torch and takes seconds."""
    from pipeline.config_file import built_in_configs

    known = built_in_configs("train")
    if str(path) not in known and not path.exists():
        raise ConfigError(f"no config file {path}; built in are {', '.join(known)}")
    return path


TrainingConfigFile = Annotated[
    Path,
    typer.Argument(
        metavar="CONFIG",
        help="Training config: a YAML file, or the name of a built-in one such as compact.",
        callback=_existing,
        autocompletion=training_config_names,
    ),
]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", help="Override a config key: key.path=value.")
]
TrackerSettings = Annotated[
    list[str] | None, typer.Option("--set", help="Override a tracker setting: max_age=30.")
]
ResultsFolders = Annotated[
    list[Path],
    typer.Argument(
        metavar="DIR",
        help="Results folders (--output of a run), or folders above them.",
        exists=True,
        file_okay=False,
    ),
]
"""Argument of commands that read the results of runs."""

Weights = Annotated[
    Path | None,
    typer.Option(
        help=f"Weights file, or the name of weights that ship. Default: {SHIPPED[0]}.",
        autocompletion=weights_names,
    ),
]
FrameCounts = Annotated[
    list[str] | None,
    typer.Option(help="NAME=N: frame count of a sequence that ends without vehicles."),
]
WorkerCount = Annotated[
    int | None,
    typer.Option("--workers", min=1, help="Number of processes. Default: one per core."),
]
