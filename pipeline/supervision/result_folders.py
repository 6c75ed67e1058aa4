"""The folders of results: who still needs one, what lies in it, and which names are taken."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pipeline.supervision.folder_lock import FolderLock
from stages.atomic import output_error
from stages.decoder.locations import SourceSpec, expand_sources, name_sources
from stages.errors import ConfigError, OutputError
from stages.sink.results import (
    REPORT,
    has_results,
    is_complete,
    remove_parts,
    unfinished_results,
)


class ResultFolders:
    """The folders of a run's streams; no other run writes there until they are released.

    Attributes:
        output: Where they lie.
        to_run: The streams that remain to be run.
        finished: Names of the sequences of data sets that an earlier run had finished.

    Args:
        specs: The streams to run.
        output: Results folder.
        overwrite: Whether results of earlier runs are to be replaced, each when the stream's first
            frame has come; sequences of data sets that are finished are skipped else.

    Raises:
        OutputError: A stream's folder holds results, finished or not, and ``overwrite`` is off,
            another process writes there, or the folder cannot be made.
    """

    def __init__(self, specs: Sequence[SourceSpec], output: Path, *, overwrite: bool) -> None:
        self.to_run: list[SourceSpec] = []
        self.finished: list[str] = []
        self.output = output
        self._outdated = False
        self._lock = FolderLock(output)
        try:
            for spec in specs:
                self._choose(spec, overwrite)
        except OutputError:
            self.release()
            raise

    def _choose(self, spec: SourceSpec, overwrite: bool) -> None:
        folder = self.output / spec.name
        if not overwrite and spec.of_data_set and is_complete(folder):
            self.finished.append(spec.name)
            return
        if not overwrite and not spec.of_data_set:
            _refuse_results(folder)
        self.to_run.append(spec)

    def outdate(self) -> None:
        """Takes the reports of earlier runs from the sequences of data sets, when first called.

        All at once: what another run finds complete later shall not be older than this one. The
        other results of a stream stay until its first frame has come, see `run_decoder`.

        Raises:
            OutputError: A report cannot be removed.
        """
        if not self._outdated:
            for spec in self.to_run:
                if spec.of_data_set:
                    _remove_report(self.output / spec.name)
            self._outdated = True

    def clear_away(self, stream: str, *, broken: bool) -> None:
        """Removes part files, unless they are all there is of results that broke off."""
        folder = self.output / stream
        if broken and not (folder / REPORT).exists() and unfinished_results(folder):
            return
        if folder.is_dir():
            remove_parts(folder)
            with contextlib.suppress(OSError):
                folder.rmdir()  # only where nothing was written

    def release(self) -> None:
        """Lets others write there."""
        self._lock.release()


def _remove_report(folder: Path) -> None:
    report = folder / REPORT
    try:
        report.unlink(missing_ok=True)
    except OSError as error:
        raise output_error(report, error) from error


def _refuse_results(folder: Path) -> None:
    advice = "add --overwrite or choose another --output"
    if has_results(folder):
        raise OutputError(f"{folder} holds results of an earlier run; {advice}")
    if unfinished := unfinished_results(folder):
        names = ", ".join(unfinished)
        raise OutputError(f"{folder} holds what a run that was killed left: {names}; {advice}")


def streams_to_add(
    location: str, name: str, running: Sequence[str], output: Path
) -> list[SourceSpec]:
    """The streams of a location that is added to a pipeline which runs.

    Args:
        location: File, folder or URL.
        name: Name that the user wants, or "".
        running: Names of the streams that run.
        output: Results folder; a name that has results there is not taken again.

    Raises:
        ConfigError: The name is taken, or there are several streams to name.
        SourceError: There is no such source.
    """
    used = _names_of_results(output)
    if not name:
        return expand_sources([location], {*running, *used})
    added = expand_sources([location])
    if len(added) > 1:
        raise ConfigError(f"{location} holds {len(added)} streams, not one to name")
    (spec,) = name_sources([replace(added[0], name=name)])
    if spec.name in running:
        raise ConfigError(f"a stream {spec.name} is running already")
    if spec.name in used:
        raise ConfigError(f"{output / spec.name} holds results; choose another name")
    return [spec]


def _names_of_results(output: Path) -> list[str]:
    if not output.is_dir():
        return []
    return [path.name for path in output.iterdir() if has_results(path) or unfinished_results(path)]
