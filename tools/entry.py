"""The ``spotstream`` entry point, which can be interrupted while its modules are imported."""

from __future__ import annotations

import os
import signal


def main() -> None:
    """Runs the command line; commands with work to finish install their own signal handlers."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: os._exit(130))
    from tools.main import main as run

    run()


if __name__ == "__main__":
    main()
