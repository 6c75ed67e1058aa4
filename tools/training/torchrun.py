"""What a training process owes ``torchrun`` that started it; nothing where none did."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

from pipeline.signals import die_with, ignore_stop_signals
from stages.atomic import written_aside
from stages.errors import OutputError, SpotStreamError, in_one_line
from stages.urls import without_credentials

_LATER_SECONDS = 2
"""``torchrun`` counts whole seconds, and those of a killed process from when it looks for it."""


class OtherProcessEndedError(SpotStreamError):
    """This process cannot go on without another, which ended first."""


def is_first() -> bool:
    """Whether this is the first or only training process, before it has joined the others."""
    alone = (os.environ.get("WORLD_SIZE") or "1") == "1"
    return alone or (os.environ.get("RANK") or "0") == "0"


@contextlib.contextmanager
def bound_to_torchrun() -> Iterator[None]:
    """Ends this process with ``torchrun``, which is told of an error that leaves the block."""
    if "TORCHELASTIC_RUN_ID" in os.environ:
        die_with(os.getppid())  # or it would go on, unseen, after a SIGKILL
    try:
        yield
    except Exception as error:
        if file := os.environ.get("TORCHELASTIC_ERROR_FILE"):
            ignore_stop_signals()  # torchrun's SIGTERM would end the interpreter's last steps
            _report(error, Path(file))
        raise


def _report(error: Exception, file: Path) -> None:
    """Writes the file from which ``torchrun`` takes why this process failed.

    It calls the earliest failure the root cause, so what another process caused is dated later.
    """
    happened = int(time.time())
    if isinstance(error, OtherProcessEndedError):
        happened += _LATER_SECONDS
    message = without_credentials(f"spotstream: {in_one_line(error)}")
    content = {"message": {"message": message, "extraInfo": {"timestamp": str(happened)}}}
    with contextlib.suppress(OutputError), written_aside(file, synced=False) as part:
        part.write_text(json.dumps(content))  # in part, it would end torchrun with a traceback
