import logging
from contextlib import contextmanager

import pytest
import torch

from stages.detector.engines.recordings import CudaRecorder, Recordings


def values(score):
    return torch.tensor([[[1.0, 2, 3, 4, score, 0]]])


class Recorder:
    """Replays what a function returned when it was recorded, plus ``wrong``."""

    def __init__(self, wrong=0.0):
        self.recorded = 0
        self.wrong = wrong

    def __call__(self, compute):
        self.recorded += 1
        recorded = compute() + self.wrong
        result = recorded.clone()
        return lambda: result.copy_(recorded)


def score_of(result):
    return round(float(result[0, 0, 4]), 3)


def test_each_key_is_recorded_once_and_then_replayed():
    recorder = Recorder()
    recordings = Recordings(recorder)
    assert score_of(recordings.run("a", lambda: values(0.5))) == 0.5
    assert score_of(recordings.run("b", lambda: values(0.7))) == 0.7
    # A real recording reads its inputs again; this one shows that nothing was computed.
    assert score_of(recordings.run("a", lambda: values(0.9))) == 0.5
    assert recorder.recorded == 2


def test_few_recordings_are_kept_and_the_oldest_is_recorded_again():
    recorder = Recorder()
    recordings = Recordings(recorder)
    for key in range(65):
        recordings.run(key, lambda: values(0.5))
    recordings.run(64, lambda: values(0.5))
    assert recorder.recorded == 65
    recordings.run(0, lambda: values(0.5))
    assert recorder.recorded == 66


def test_nothing_new_is_recorded_while_recordings_are_rarely_used():
    recorder = Recorder()
    recordings = Recordings(recorder)
    for key in range(200):
        assert score_of(recordings.run(key, lambda: values(0.5))) == 0.5
    assert recorder.recorded == 65
    for _ in range(10):  # one that is kept
        recordings.run(64, lambda: values(0.5))
    for key in range(200, 220):
        recordings.run(key, lambda: values(0.5))
    assert recorder.recorded == 75


def test_a_recording_with_different_scores_is_not_used(caplog):
    recorder = Recorder(wrong=0.1)
    recordings = Recordings(recorder)
    for score in (0.5, 0.6):
        assert score_of(recordings.run("a", lambda score=score: values(score))) == score
    assert recorder.recorded == 1
    assert [r.message for r in caplog.records] == [
        "CUDA graphs give different scores on this GPU and are not used"
    ]


def test_an_empty_recording_is_not_used(caplog):
    """As when it was made on a GPU other than the one that computes."""

    def record(compute):
        result = compute()
        return lambda: result

    recordings = Recordings(record)
    for score in (0.5, 0.6):
        assert score_of(recordings.run("a", lambda score=score: values(score))) == score
    assert "different scores" in caplog.text


def test_a_gpu_that_cannot_record_computes_directly(caplog):
    def record(compute):
        try:
            raise RuntimeError("operation not permitted when stream is capturing")
        finally:
            raise RuntimeError("operation failed due to a previous error during capture")

    recordings = Recordings(record)
    with caplog.at_level(logging.WARNING):
        for score in (0.5, 0.6):
            assert score_of(recordings.run("a", lambda score=score: values(score))) == score
    assert len(caplog.records) == 1
    assert "not permitted" in caplog.records[0].message


def test_a_memory_error_is_raised_and_recording_continues():
    """Smaller batches may still fit."""
    recorder = Recorder()

    def record(compute):
        if not recorder.recorded:
            recorder.recorded = 1
            raise torch.OutOfMemoryError("CUDA out of memory")
        return recorder(compute)

    recordings = Recordings(record)
    with pytest.raises(torch.OutOfMemoryError):
        recordings.run("a", lambda: values(0.5))
    recordings.clear()
    for key in "bb":
        assert score_of(recordings.run(key, lambda: values(0.5))) == 0.5
    assert recorder.recorded == 2


class Stream:
    """Stands in for a stream of a GPU."""

    def __init__(self, device):
        self.device = device

    def wait_stream(self, other):
        assert other.device == self.device


def test_each_gpu_has_one_stream_for_all_recordings(monkeypatch):
    current, noted = {}, []

    @contextmanager
    def noting(what, stream):
        noted.append((what, stream))
        yield

    def graph(recorded, pool, stream=None, capture_error_mode="global"):
        return noting(f"recorded, {capture_error_mode}", stream)

    stand_ins = {
        "Stream": Stream,
        "current_stream": lambda device: current.setdefault(device, Stream(device)),
        "stream": lambda stream: noting("computed", stream),
        "graph": graph,
        "CUDAGraph": object,
        "graph_pool_handle": object,
    }
    for name, value in stand_ins.items():
        monkeypatch.setattr(torch.cuda, name, value)
    side_streams = []
    for device in (torch.device("cuda:0"), torch.device("cuda:1")):
        recorder = CudaRecorder(device)
        noted.clear()
        for _ in range(2):
            recorder(lambda: values(0.5))
        side_stream = noted[0][1]
        assert side_stream.device == device
        expected = ("computed", side_stream), ("computed", current[device])
        assert noted == [*expected, ("recorded, thread_local", side_stream)] * 2
        side_streams.append(side_stream)
    assert side_streams[0] is not side_streams[1]


@pytest.mark.gpu
@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="no two CUDA devices")
def test_two_gpus_record_in_one_process(caplog):
    for device in (torch.device("cuda:0"), torch.device("cuda:1")):
        recordings, given = Recordings(CudaRecorder(device)), values(0.25).to(device)
        with torch.cuda.device(device):
            for score in (0.25, 0.5):
                given.fill_(score)
                assert score_of(recordings.run("a", lambda given=given: given * 2)) == 2 * score
    assert not caplog.records


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_library_memory_per_stream_does_not_grow_with_the_recordings(caplog):
    device = torch.device("cuda:0")
    recordings, given = Recordings(CudaRecorder(device)), torch.ones(64, 64, device=device)
    taken = []
    with torch.cuda.device(device):
        for key in range(9):
            recordings.run(key, lambda: (given @ given)[None])
            taken.append(torch.cuda.memory_allocated(device))
    assert taken[-1] - taken[0] < 1 << 20  # results of 16 KiB
    assert not caplog.records
