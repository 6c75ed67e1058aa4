"""Records GPU work once and replays it, launching its kernels without Python in between."""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable
from typing import TypeAlias

import torch
from torch import Tensor

from stages.detector.lru_cache import LruCache

_KEPT = 64  # recordings: for eight frame sizes, batches of 1, 2, 4 … 128
_SCORE_TOLERANCE = 0.02  # at most, because of rounding
_SCORE = 4  # column of the score in `TorchEngine.values`

Replay: TypeAlias = Callable[[], Tensor]
Record: TypeAlias = Callable[[Callable[[], Tensor]], Replay]

log = logging.getLogger(__name__)


class Recordings:
    """CUDA graphs of `TorchEngine.values`, one for each kind of input.

    A function is recorded when its key first occurs. If that fails, or the replay's scores differ,
    a warning is logged once and nothing more is recorded. New keys are not recorded while more
    recordings have been dropped than replayed: recording costs as much as several computations.

    Args:
        record: Returns a replay of a function; `CudaRecorder` on a GPU.
    """

    def __init__(self, record: Record) -> None:
        self._record = record
        self._replays: LruCache[Hashable, Replay] = LruCache(_KEPT)
        self._works = True
        self._recorded, self._replayed = 0, 0

    def run(self, key: Hashable, compute: Callable[[], Tensor]) -> Tensor:
        """Returns the result of ``compute``, valid until the next call.

        Args:
            key: Identifies the computation, including the sizes of its tensors.
            compute: Launches the same kernels on the same memory in every call with the same key,
                without waiting for them.

        Raises:
            torch.OutOfMemoryError: The GPU's memory is full.
        """
        replay = self._replays.get(key)
        if replay is not None:
            self._replayed += 1
            return replay()
        if self._works and self._recorded - len(self._replays) <= self._replayed:
            replay = self._recording(compute)
        if replay is None:
            return compute()
        self._recorded += 1
        return self._replays.keep(key, replay)()

    def clear(self) -> None:
        """Drops all recordings, which hold GPU memory; functions are then recorded again."""
        self._replays = LruCache(_KEPT)
        self._recorded, self._replayed = 0, 0

    def _recording(self, compute: Callable[[], Tensor]) -> Replay | None:
        expected = compute()
        try:
            replay = self._record(compute)
            replay().zero_()  # results that were not recorded stay zero
            found = replay()
            scores = found[..., _SCORE], expected[..., _SCORE]
            if torch.allclose(*scores, rtol=0, atol=_SCORE_TOLERANCE):
                return replay
            log.warning("CUDA graphs give different scores on this GPU and are not used")
        except torch.OutOfMemoryError:
            raise  # fewer frames may be recorded
        except RuntimeError as error:
            # If a recorded call fails, ending the recording fails, too.
            log.warning("no CUDA graphs on this GPU: %s", error.__context__ or error)
        self._works = False
        self.clear()
        return None


class CudaRecorder:
    """Records functions as CUDA graphs.

    Args:
        device: The GPU, which must be current when a function is recorded or replayed.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._memory = torch.cuda.graph_pool_handle()  # shared by all graphs: one runs at a time
        # cuBLAS keeps memory for each stream for ever, so all recordings use one. Without a stream,
        # torch records all graphs of a process on the GPU of the first.
        self._aside = torch.cuda.Stream(device)

    def __call__(self, compute: Callable[[], Tensor]) -> Replay:
        """See `Recordings`."""
        # In first calls, libraries choose kernels and allocate memory, which cannot be recorded.
        aside, current = self._aside, torch.cuda.current_stream(self._device)
        aside.wait_stream(current)
        with torch.cuda.stream(aside):
            compute()
        current.wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        recording = torch.cuda.graph(
            graph,
            pool=self._memory,
            stream=aside,
            capture_error_mode="thread_local",  # other threads may allocate
        )
        # A recording that fails to end leaves its stream current.
        with torch.cuda.stream(current), recording:
            result = compute()

        def replay() -> Tensor:
            graph.replay()
            return result

        return replay
