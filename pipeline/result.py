"""How a run ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class RunResult:
    """How a run ended.

    Attributes:
        finished: Summaries of the streams whose results are written, by name.
        failed: Messages of those that failed, by name.
        skipped: Sequences of data sets that an earlier run had finished.
        restarts: How often which process had to be started again.
        exit_code: 0, 130 after Ctrl-C, or that of the first failure.
    """

    finished: dict[str, dict[str, Any]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)
    restarts: dict[str, int] = field(default_factory=dict)
    exit_code: int = 0
