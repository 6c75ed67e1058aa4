"""What the positions of a run's vehicles refer to: a picture or the frames, and which anchor."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pipeline.geometry import reference_of
from stages.errors import ConfigError
from stages.result_files import REPORT, VIEWS, read_report, real_path
from stages.sink.folder_contents import RUN
from stages.sink.places import Anchor
from tools.results.rows import stream_of, text_files


def is_on_picture(folder: Path) -> bool:
    """Returns whether a run's results say where its frames lie on a picture."""
    return folder.is_dir() and bool(text_files(folder, VIEWS))


def picture_of_run(folder: Path) -> Path | None:
    """Returns the picture on which a run looked for its frames; None if there was none.

    It is also None if there is no record of the run's config. The file may be gone.
    """
    record = _record_of(folder)
    references = _mapping(_section(record, "decoder").get("reference"))  # since 0.11
    stream = record.get("stream")
    picture = reference_of(references, stream if isinstance(stream, str) else stream_of(folder))
    if not isinstance(picture, str):
        return None
    return Path(real_path(picture, record.get("working_directory")))


def anchor_of_run(folder: Path) -> Anchor:
    """Returns the point of a box that is its vehicle's position, by the run's config."""
    anchor = _section(_record_of(folder), "sink").get("anchor")  # since 0.12
    return "center" if anchor == "center" else "bottom_center"


def _record_of(folder: Path) -> dict[str, Any]:
    """Returns ``run.json``, or what is known of it while the run lasts; else an empty mapping."""
    if report := read_report(folder):
        return report
    with contextlib.suppress(OSError, ValueError):  # by any release: a killed run may be older
        return _mapping(json.loads((folder / RUN).read_bytes()))
    return {}


def _section(record: dict[str, Any], name: str) -> dict[str, Any]:
    return _mapping(_mapping(record.get("config")).get(name))


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def check_pictures(name: str, runs: Sequence[Path], given: Path | None = None) -> None:
    """Checks that what is drawn for a stream is in the pixels in which its runs are to be read.

    Args:
        name: Name of the stream.
        runs: The folders of its runs, or files with its tracks.
        given: The picture on which it is drawn; None for the runs' own, or their frames.

    Raises:
        ConfigError: A run does not say where its frames lie on its picture, the picture is not
            ``given``, or the runs differ in it.
    """
    pictures: dict[Path | None, Path] = {}  # of each picture, the latest run
    for run in runs:
        picture = picture_of_run(run)
        if picture is not None and not is_on_picture(run):
            raise ConfigError(
                f"{run}: its camera moved (decoder.reference: {picture}), and {VIEWS}, which says "
                f"where frames lie on the picture, is not there: releases before 0.12 did not "
                f"write it; run the video again"
            )
        if given is not None and not is_on_picture(run):
            raise ConfigError(
                f"decoder.reference: {name} is to be counted on {given}, but {run} does not say "
                f"where frames lie on it ({VIEWS}); run the video again, with this config"
            )
        if given is not None and picture not in (None, Path(real_path(str(given), None))):
            raise ConfigError(
                f"decoder.reference: {name} is to be counted on {given}, but {run} found its "
                f"frames on {picture}"
            )
        if picture is not None or not is_on_picture(run):  # else it is not recorded
            pictures[picture] = run
    if len(pictures) > 1 and given is None:
        (one, run), (other, another), *_ = pictures.items()
        raise ConfigError(
            f"the runs of {name} are not on the same picture (decoder.reference: "
            f"{one or 'none'} in {run}, {other or 'none'} in {another}): give them separately"
        )


def newer_pictures(runs: Iterable[Path]) -> Iterator[str]:
    """Yields a warning for each run whose picture was changed later: it may show another view."""
    for run in runs:
        picture = picture_of_run(run)
        with contextlib.suppress(OSError):  # the picture is gone, or the run in progress
            if picture and picture.stat().st_mtime > (run / REPORT).stat().st_mtime:
                yield (
                    f"{picture} is newer than {run}: is it still the picture on which that run "
                    f"found its frames?"
                )
