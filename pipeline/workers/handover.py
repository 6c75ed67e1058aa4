"""The state that a stream's sink leaves for a successor: a journal and, if live, checkpoints."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path

from pipeline.workers.checkpoint import Checkpoint
from pipeline.workers.envelope_journal import Entry, append_envelope, read_envelopes
from pipeline.workers.order import Sequencer
from stages.errors import OutputError
from stages.records import Dropped, Tracks
from stages.sink.folder_contents import CHECKPOINT, JOURNAL
from stages.sink.journal import Journal
from stages.sink.stream_results import StreamResults
from stages.sink.timing import Written


class Handover:
    """The journal of a stream, and the checkpoint that replaces its entries up to a position.

    Args:
        folder: Folder of the stream's results, which contains both.
        results: The results, whose state a checkpoint holds.
        order: Order of the stream's records, whose next position a checkpoint holds.

    Raises:
        OutputError: From all methods except `close`, if the file system refuses.
    """

    def __init__(self, folder: Path, results: StreamResults, order: Sequencer) -> None:
        self._checkpoint_path, self._journal_path = folder / CHECKPOINT, folder / JOURNAL
        self._results = results
        self._order = order
        self._journal: Journal  # from `take_over`

    def take_over(self, repeat: Callable[[Entry], bool]) -> None:
        """Takes over the state that an earlier process left, if there was one; call it first.

        Args:
            repeat: Replays an entry of the journal, which the checkpoint may already include;
                returns False if that entry and all later ones are to be received again.
        """
        if (checkpoint := Checkpoint.load(self._checkpoint_path)) is not None:
            self._results.restore(checkpoint.sink)
            self._order.skip_to(checkpoint.position)
        good = 0
        entries = read_envelopes(self._journal_path)
        for entry in entries:
            if not repeat(entry):
                later = (each.envelope.record for each in itertools.chain([entry], entries))
                self._results.remove_later(r for r in later if isinstance(r, Tracks | Dropped))
                break
            good = entry.end
        self._journal = Journal(self._journal_path, good)

    def append(self, parts: Sequence[bytes | memoryview], written: Written | None) -> None:
        """Adds an encoded envelope to the journal, see `append_envelope`."""
        append_envelope(self._journal, parts, written)

    def save(self) -> None:
        """Saves a checkpoint and clears the journal, whose entries it replaces.

        Only now do finished text results get their names, as a successor no longer needs them.
        """
        if not self._results.ledger.written:
            return
        if self._checkpoint().save(self._checkpoint_path):
            self._journal.clear()
            self._results.name_earlier_texts()

    def make_room(self) -> None:
        """Replaces the journal by a checkpoint.

        If there is no room, the journal is cleared first, provided that it is the larger one.
        """
        try:
            self.save()
        except OutputError:
            if self._journal.size > self._checkpoint().size:
                self._journal.clear()
                self.save()

    def close(self) -> None:
        """Closes the journal, which holds everything that was appended."""
        self._journal.close()

    def _checkpoint(self) -> Checkpoint:
        return Checkpoint(self._order.due, self._results.state())
