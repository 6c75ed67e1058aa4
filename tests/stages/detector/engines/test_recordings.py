import logging

import torch

from stages.detector.engines.recordings import Recordings


def values(score):
    return torch.tensor([[[1.0, 2, 3, 4, score, 0]]])


class Recorder:
    """Replays what a function gave when it was recorded, plus ``wrong``."""

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
    # A real recording reads its inputs anew; this one shows that nothing was computed.
    assert score_of(recordings.run("a", lambda: values(0.9))) == 0.5
    assert recorder.recorded == 2


def test_few_are_kept_and_the_oldest_is_recorded_anew():
    recorder = Recorder()
    recordings = Recordings(recorder)
    for key in range(65):
        recordings.run(key, lambda: values(0.5))
    recordings.run(64, lambda: values(0.5))
    assert recorder.recorded == 65
    recordings.run(0, lambda: values(0.5))
    assert recorder.recorded == 66


def test_nothing_new_is_recorded_while_recordings_are_hardly_used():
    recorder = Recorder()
    recordings = Recordings(recorder)
    for key in range(200):
        assert score_of(recordings.run(key, lambda: values(0.5))) == 0.5
    assert recorder.recorded == 65
    for _ in range(10):  # of one that is kept
        recordings.run(64, lambda: values(0.5))
    for key in range(200, 220):
        recordings.run(key, lambda: values(0.5))
    assert recorder.recorded == 75


def test_a_replay_of_other_scores_is_not_used(caplog):
    recorder = Recorder(wrong=0.1)
    recordings = Recordings(recorder)
    for score in (0.5, 0.6):
        assert score_of(recordings.run("a", lambda score=score: values(score))) == score
    assert recorder.recorded == 1
    assert [r.message for r in caplog.records] == [
        "CUDA graphs give different scores on this GPU and are not used"
    ]


def test_an_empty_recording_is_not_used(caplog):
    """One made on another GPU than the one that computes."""

    def record(compute):
        result = compute()
        return lambda: result

    recordings = Recordings(record)
    for score in (0.5, 0.6):
        assert score_of(recordings.run("a", lambda score=score: values(score))) == score
    assert "different scores" in caplog.text


def test_a_gpu_that_records_nothing_computes(caplog):
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
