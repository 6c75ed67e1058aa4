"""The results folders of a run: which streams still have to run, and what the folders contain."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Sequence
from pathlib import Path

from pipeline.config import RunConfig
from pipeline.release import RecordedRun, installed_release
from pipeline.supervision.earlier_results import difference, other_source
from pipeline.supervision.runtime_folder import writer_of
from stages.decoder.locations import SourceSpec
from stages.errors import OutputError
from stages.folder_lock import FolderLock
from stages.result_files import DETECTIONS, REPORT, is_complete
from stages.sink.folder_contents import (
    RUN,
    foreign_results,
    has_results,
    outdate_report,
    remove_parts,
    unfinished_results,
    would_replace,
)

_ADVICE = "choose another --output, or add --overwrite to replace what is there"


class ResultFolders:
    """The folders of a run's streams; no other run writes there until they are released.

    Attributes:
        output: The results folder, which contains them.
        to_run: The streams that remain to be run.
        finished: Names of the data set sequences that an earlier run had finished.

    Args:
        specs: The streams to run.
        output: Results folder.
        config: The run's configuration.
        overwrite: Whether to replace results of earlier runs, those of each stream when its first
            frame has arrived; otherwise finished sequences of data sets are skipped.

    Raises:
        OutputError: ``overwrite`` is off and a stream's folder holds results, finished or not, or
            the folder of a data set's sequence holds files that no run has written, or results of
            another source or other settings, see `difference`. Or results would replace the source
            or the detections, another process writes there, or the folder cannot be created.
    """

    def __init__(
        self, specs: Sequence[SourceSpec], output: Path, config: RunConfig, *, overwrite: bool
    ) -> None:
        self.to_run: list[SourceSpec] = []
        self.finished: list[str] = []
        self.output = output
        self._outdated = False
        self._lock = FolderLock(output, holder=writer_of)
        try:
            for spec in specs:
                self._choose(spec, config, overwrite)
        except OutputError:
            self.release()
            raise

    def _choose(self, spec: SourceSpec, config: RunConfig, overwrite: bool) -> None:
        folder = self.output / spec.name
        if not overwrite and spec.of_data_set and is_complete(folder):
            if other := difference(folder, spec, config):
                raise OutputError(f"{folder} {other}; {_ADVICE}")
            remove_parts(folder)  # of a run that was killed after it had written the report
            self.finished.append(spec.name)
            return
        for read in (Path(spec.location), *_detections_of(folder.name, config)):
            if would_replace(folder, read):
                raise OutputError(f"results would replace {read}; choose another --output")
        if not overwrite and spec.of_data_set:
            _refuse_other_results(folder, spec)
        elif not overwrite:
            _refuse_results(folder)
        self.to_run.append(spec)

    def outdate(self) -> None:
        """Marks earlier reports of data set sequences as outdated, on the first call only.

        All are marked at once, so that no later run mistakes results older than this run for
        complete. A stream's results stay until its first frame has arrived, see `run_decoder`.

        Raises:
            OutputError: A report cannot be renamed.
        """
        if not self._outdated:
            for spec in self.to_run:
                if spec.of_data_set:
                    outdate_report(self.output / spec.name)
            self._outdated = True

    def clear_away(self, stream: str, *, broken: bool) -> bool:
        """Removes part files, unless the run broke off and they are its only results.

        Returns:
            Whether the part files stay.
        """
        folder = self.output / stream
        with contextlib.suppress(OSError, OutputError):
            named = (folder / RUN).exists() and has_results(folder)  # perhaps all except the report
            if broken and not (folder / REPORT).exists() and (named or unfinished_results(folder)):
                return True
            if folder.is_dir():
                remove_parts(folder)
                folder.rmdir()  # fails if anything was written
        return False

    def release(self) -> None:
        """Releases the folders to other processes."""
        self._lock.release()


def how_to_complete(folder: Path, release: str) -> str:
    """Returns a clause that names the command to complete the results of a release in a folder."""
    whose = "" if release == installed_release() else f" of SpotStream {release}"
    return f"`spotstream complete {shlex.quote(str(folder))}`{whose} completes them"


def _detections_of(stream: str, config: RunConfig) -> list[Path]:
    """Returns the files from which the run may read a stream's detections."""
    given = config.detector.detections
    return [] if given is None else [given, given / stream / DETECTIONS]


def _refuse_other_results(folder: Path, spec: SourceSpec) -> None:
    """Refuses a folder that visibly holds anything but an earlier run of this sequence."""
    if names := ", ".join(foreign_results(folder)):
        raise OutputError(f"{folder} holds {names}, which no run has written; {_ADVICE}")
    if other := other_source(folder, spec):
        raise OutputError(f"{folder} {other}; {_ADVICE}")
    with contextlib.suppress(OSError, ValueError):  # the record is missing or damaged
        if not RecordedRun.load(folder / RUN).lossless:  # results of a live stream
            _refuse_results(folder)


def _refuse_results(folder: Path) -> None:
    if unfinished := unfinished_results(folder):
        names = ", ".join(unfinished)
        completed = ""
        with contextlib.suppress(OSError, ValueError):  # damaged, or of a release before 0.4.1
            release = RecordedRun.load(folder / RUN).release
            completed = f"{how_to_complete(folder, release)}; or "
        raise OutputError(
            f"{folder} holds unfinished results of a killed run: {names}; {completed}{_ADVICE}"
        )
    if has_results(folder):
        raise OutputError(f"{folder} holds results of an earlier run; {_ADVICE}")
