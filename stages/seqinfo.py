"""``seqinfo.ini``, which describes a MOTChallenge sequence."""

from __future__ import annotations

import configparser
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from stages.frame_rate import parse_frame_rate
from stages.number_table import MAX_FRAME


@dataclass(frozen=True, slots=True)
class SeqInfo:
    """The values that the file states; None for those it does not.

    Attributes:
        frame_rate: Frames per second.
        length: Number of frames in the sequence.
        classes: Names of the classes 1, 2, …, separated by commas, as ``spotstream synth`` states
            them; MOTChallenge's own files do not.
    """

    frame_rate: Fraction | None
    length: int | None
    classes: str | None = None


def read_seqinfo(path: Path) -> SeqInfo:
    """Reads ``frameRate``, ``seqLength`` and ``classes`` in section ``Sequence``.

    A leading BOM is ignored.

    Raises:
        ValueError: The file cannot be read or parsed, or a value is out of range; the message names
            the file and key.
    """
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(path.read_text("utf-8-sig"))
        section = parser["Sequence"]
    except KeyError:
        raise ValueError(f"{path} has no section [Sequence]") from None
    except (configparser.Error, OSError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"cannot read {path}: {reason}") from error
    rate, length = section.get("frameRate"), section.get("seqLength")
    return SeqInfo(
        None if rate is None else _frame_rate(path, rate),
        None if length is None else _length(path, length),
        section.get("classes"),
    )


def _frame_rate(path: Path, text: str) -> Fraction:
    try:
        return parse_frame_rate(text)
    except ValueError as error:
        raise ValueError(f"cannot read frameRate in {path}: {error}, got {text!r}") from None


def _length(path: Path, text: str) -> int:
    # Python refuses to convert thousands of digits.
    if text.isdecimal() and len(text) <= len(str(MAX_FRAME)) and 1 <= int(text) <= MAX_FRAME:
        return int(text)
    raise ValueError(
        f"cannot read seqLength in {path}: must be a whole number from 1 to {MAX_FRAME}, "
        f"got {text!r}"
    )
