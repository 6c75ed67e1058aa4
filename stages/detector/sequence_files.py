"""Finds the file in a folder that holds the detections or tracks of a sequence."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from stages.errors import ConfigError
from stages.number_table import SUFFIXES
from stages.result_files import DETECTIONS, TRACKS, files_of, folder_name

# Where other programs have the file of a sequence, by the name that a run gives to such a file:
# detections in MOTChallenge's data sets, and results in the folders that TrackEval reads.
_OTHER_LAYOUTS = {DETECTIONS: "{}/det/det.txt", TRACKS: "data/{}.txt"}


def sequence_name(path: Path) -> str:
    """Returns the sequence of a detection file: ``MVI_39511`` for ``MVI_39511_Det_X.txt.gz``.

    In MOTChallenge's layout, ``MOT17-02/det/det.txt``, the folder has the name.
    """
    if path.name == "det.txt":
        folder = path.parent.resolve()  # the working directory may be this one
        if folder.name == "det" and folder.parent.name:
            return folder.parent.name
    return re.sub(r"_Det_.+$", "", _stem(path))


def detector_name(path: Path) -> str | None:
    """Returns the detector of a file: ``X`` for ``MVI_39511_Det_X.txt``; None if not stated."""
    match = re.search(r"_Det_(.+)$", _stem(path))
    return match[1] if match else None


def detection_files(folder: Path) -> list[Path]:
    """Returns the files in a folder that may contain detections, sorted by name."""
    return sorted(
        file
        for file in folder.iterdir()
        if file.name.endswith(SUFFIXES) and not file.name.startswith(".") and file.is_file()
    )


def sequence_files(folder: Path) -> dict[str, Path]:
    """Returns the file of each sequence in a folder of detections, by name.

    A folder without such files may be the output of a run or a data set; see `nested_files`.

    Raises:
        ConfigError: There are no such files, or a sequence or stream has several.
    """
    sequences: dict[str, Path] = {}
    for file in detection_files(folder):
        name = sequence_name(file)
        if name in sequences:
            raise ConfigError(
                f"{sequences[name]} and {file.name} are both of sequence {name}; keep one"
            )
        sequences[name] = file
    return sequences or {
        name: _only_one(file) if file.name == DETECTIONS else file
        for name, file in nested_files(folder).items()
    }


def nested_files(folder: Path) -> dict[str, Path]:
    """Returns the file of each stream or sequence that has a folder, sorted by name.

    It is the first detections file of a run, ``NAME/detections.txt``, or else MOTChallenge's
    ``NAME/det/det.txt``.

    Raises:
        ConfigError: There are no such files.
    """
    found: dict[str, Path] = {}
    layouts = (f"{{}}/{DETECTIONS}", _OTHER_LAYOUTS[DETECTIONS])
    for layout in layouts:
        for file in folder.glob(layout.format("*")):
            if file.is_file():
                found.setdefault(file.relative_to(folder).parts[0], file)
    if not found:
        expected = " or ".join(layout.format("NAME") for layout in layouts)
        raise ConfigError(f"detections folder {folder} has no .txt or .txt.gz file, nor {expected}")
    return dict(sorted(found.items()))


def find_files(
    folder: Path,
    sequences: Sequence[str],
    run_file: str,
    others: Sequence[str] = (),
) -> dict[str, Path]:
    """Finds the file of each of ``sequences``; see `find_file`.

    ``M0203_best.txt`` does not belong to ``M0203`` if there is a sequence ``M0203_best``.

    Args:
        folder: Folder to search.
        sequences: Names of the sequences.
        run_file: See `find_file`.
        others: Names of other sequences, whose files are not wanted.

    Raises:
        ConfigError: See `find_file`.
    """
    known = (*sequences, *others)
    return {
        name: find_file(folder, name, run_file, [other for other in known if other != name])
        for name in sequences
    }


def find_file(folder: Path, sequence: str, run_file: str, others: Sequence[str] = ()) -> Path:
    """Finds the file of ``sequence``: a run's, else ``NAME.txt`` or ``NAME_….txt``, or with .gz.

    ``NAME_2.txt`` is not accepted: sequences often differ by a number at the end. If there is none
    of these, it is ``NAME/det/det.txt`` as in MOTChallenge's data sets, or for results
    ``data/NAME.txt`` as in TrackEval's folders.

    If no file or folder has exactly this name, names are compared after `folder_name`: a run writes
    the results of ``my video`` to ``my-video``.

    Args:
        folder: Folder to search.
        sequence: Name of the sequence.
        run_file: Name of such a file in a sequence folder written by ``spotstream run``.
        others: Other sequences that have their own file.

    Raises:
        ConfigError: The folder does not exist, holds no such file or several, or the run wrote the
            results in several files.
    """
    if not folder.is_dir():
        raise ConfigError(f"{folder} is not a folder; expected a file for each sequence in it")
    written = folder_name(sequence)
    folders = [name for name in (sequence, written) if name and name not in others]
    for name in folders:
        file_of_run = folder / name / run_file
        if file_of_run.is_file():
            return _only_one(file_of_run)
    found = _files_of(folder, sequence, others)
    other_layout = _OTHER_LAYOUTS[run_file]
    if not found:
        for name in folders:
            if (file := folder / other_layout.format(name)).is_file():
                return file
        numbered = [file.name for file in detection_files(folder) if _is_numbered(file, sequence)]
        others_there = f"; {', '.join(numbered)} may be of other sequences" if numbered else ""
        raise ConfigError(
            f"{folder}: no file for {sequence}; expected {sequence}.txt or {sequence}_….txt "
            f"(or .txt.gz) or {written or sequence}/{run_file} or "
            f"{other_layout.format(sequence)}{others_there}"
        )
    if len(found) > 1:
        names = ", ".join(file.name for file in found)
        raise ConfigError(f"{folder}: more than one file for {sequence}: {names}; keep one")
    return found[0]


def _only_one(file: Path) -> Path:
    """Returns a run's result file, unless it is the first of several.

    Raises:
        ConfigError: It is the first of several.
    """
    count = len(files_of(file.parent, file.name))
    if count > 1:
        raise ConfigError(
            f"{file} is the first of {count} files of its stream; join them: "
            f"cat $(ls -v {file.parent}/{file.stem}*.txt) > {file.parent.name}.txt"
        )
    return file


def _files_of(folder: Path, sequence: str, others: Sequence[str]) -> list[Path]:
    """Returns the files of a sequence: ``M0203.txt``, or if that is missing, ``M0203_best.txt``.

    ``M0203_Det_X.txt`` counts as ``M0203.txt``; ``M02031.txt`` belongs to another sequence, and so
    may ``M0203_2.txt``.
    """
    files = [file for file in detection_files(folder) if sequence_name(file) not in others]
    written = folder_name(sequence)
    return (
        [file for file in files if sequence_name(file) == sequence]
        or [file for file in files if folder_name(sequence_name(file)) == written]
        or [
            file
            for file in files
            if _begins(file, sequence)
            and not _is_numbered(file, sequence)
            and not any(_begins(file, other) for other in others if len(other) > len(sequence))
        ]
    )


def _stem(path: Path) -> str:
    return re.sub(r"(\.txt)?(\.gz)?$", "", path.name)


def _begins(file: Path, sequence: str) -> bool:
    return re.match(re.escape(sequence) + r"(?![^\W_])", _stem(file)) is not None


def _is_numbered(file: Path, sequence: str) -> bool:
    """Returns whether a number follows the sequence in the file's name, as in ``M0203_2_best``."""
    return re.match(re.escape(sequence) + r"[\W_]+\d+(?![^\W_])", _stem(file)) is not None
