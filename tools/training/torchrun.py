"""Cooperation of a training process with the ``torchrun`` that started it, if any."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

from pipeline.signals import die_with, ignore_stop_signals
from stages.atomic import replacing
from stages.errors import OutputError, SpotStreamError, in_one_line
from stages.urls import without_credentials

_LATER_SECONDS = 2
"""``torchrun`` uses whole seconds, and dates the end of a killed process when it notices it."""


class OtherProcessEndedError(SpotStreamError):
    """This process cannot continue, because another one has ended."""


def is_first() -> bool:
    """Returns whether this is the first or only training process; works before it joins others."""
    alone = (os.environ.get("WORLD_SIZE") or "1") == "1"
    return alone or (os.environ.get("RANK") or "0") == "0"


@contextlib.contextmanager
def bound_to_torchrun() -> Iterator[None]:
    """Ends this process with ``torchrun``, and reports an error that leaves the block to it."""
    if "TORCHELASTIC_RUN_ID" in os.environ:
        die_with(os.getppid())  # else it would continue, unnoticed, if torchrun is killed
    try:
        yield
    except Exception as error:
        if file := os.environ.get("TORCHELASTIC_ERROR_FILE"):
            ignore_stop_signals()  # torchrun's SIGTERM would interrupt the interpreter's shutdown
            _report(error, Path(file))
        raise


def _report(error: Exception, file: Path) -> None:
    """Writes the file from which ``torchrun`` reads why this process failed.

    It reports the earliest failure as the root cause, so a failure that another process caused is
    dated later.
    """
    happened = int(time.time())
    if isinstance(error, OtherProcessEndedError):
        happened += _LATER_SECONDS
    message = without_credentials(f"spotstream: {in_one_line(error)}")
    content = {"message": {"message": message, "extraInfo": {"timestamp": str(happened)}}}
    with contextlib.suppress(OutputError), replacing(file, synced=False) as part:
        part.write_text(json.dumps(content))  # a partial file would end torchrun with a traceback
