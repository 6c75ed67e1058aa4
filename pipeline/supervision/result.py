"""How a run ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pipeline.reports import StreamSummary
from pipeline.supervision.latest import Latest


@dataclass(slots=True)
class RunResult:
    """How a run ended; of very many streams that were added to it, the latest, see `Latest`.

    Attributes:
        finished: Summaries of the streams whose results are written, by name.
        failed: Messages of those that failed, by name.
        skipped: Sequences of data sets that an earlier run had finished.
        restarts: How often which process had to be started again.
        exit_code: 0, 130 after Ctrl-C, or that of the first failure.
    """

    finished: dict[str, StreamSummary] = field(default_factory=Latest)
    failed: dict[str, str] = field(default_factory=Latest)
    skipped: list[str] = field(default_factory=list)
    restarts: dict[str, int] = field(default_factory=Latest)
    exit_code: int = 0

    @classmethod
    def begun_with(cls, streams: int) -> RunResult:
        """The empty result of a run that begins with so many streams."""
        return cls(Latest(streams), Latest(streams), restarts=Latest(streams))

    def order(self, names: Sequence[str]) -> None:
        """Puts the summaries of these streams first, in that order."""
        given = {name: self.finished[name] for name in names if name in self.finished}
        self.finished = given | self.finished
