"""The result of a run."""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass, field

from pipeline.reports import StreamSummary
from pipeline.supervision.latest import Latest


@dataclass(slots=True)
class RunResult:
    """The result of a run; if very many streams were added, of the latest of them, see `Latest`.

    Attributes:
        finished: Summaries of the streams whose results are written, by name.
        failed: Error messages of the streams that failed and were not added again, by name.
        skipped: Data set sequences that an earlier run had finished.
        restarts: Number of restarts of each process, by name.
        exit_code: 0, 130 after Ctrl-C, or the exit code of the first failure.
    """

    finished: MutableMapping[str, StreamSummary] = field(default_factory=Latest)
    failed: MutableMapping[str, str] = field(default_factory=Latest)
    skipped: list[str] = field(default_factory=list)
    restarts: MutableMapping[str, int] = field(default_factory=Latest)
    exit_code: int = 0

    @classmethod
    def begun_with(cls, streams: int) -> RunResult:
        """Returns the empty result of a run that begins with ``streams`` streams."""
        return cls(Latest(streams), Latest(streams), restarts=Latest(streams))

    def order(self, names: Sequence[str]) -> None:
        """Puts the summaries of these streams first, in that order."""
        given = {name: self.finished[name] for name in names if name in self.finished}
        ordered = given | dict(self.finished)
        self.finished.clear()
        self.finished.update(ordered)
