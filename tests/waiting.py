"""Waits for other threads and processes."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import TypeVar

import pytest

from stages.errors import ConfigError

Found = TypeVar("Found")


def wait_for(look: Callable[[], Found], seconds: float = 100) -> Found:
    """Returns the first true result of ``look``; ignores `ConfigError`, as before a run exists."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(ConfigError):
            if found := look():
                return found
        time.sleep(0.01)
    pytest.fail("the condition did not come true")
