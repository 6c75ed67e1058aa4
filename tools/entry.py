"""The command ``spotstream``, which can be interrupted while its modules are still imported."""

from __future__ import annotations

import os
import signal


def main() -> None:
    """Runs the command line; commands that have something to complete handle signals themselves."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: os._exit(130))
    from tools.main import main as run

    run()
