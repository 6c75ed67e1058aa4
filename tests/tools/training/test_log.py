import errno
import logging
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from stages.errors import OutputError
from tests.tools.conftest import write_coco
from tools.training import trainer
from tools.training.log import TrainingLog


def test_scores_after_the_checkpoint_do_not_count(tmp_path):
    with TrainingLog(tmp_path) as log:
        log.scores(2000, {"streets": {"AP50": 0.5}})
        log.scores(4000, {"streets": {"AP50": 0.6}})
    assert TrainingLog(tmp_path, 2000).has_scores(2000)
    # After a restart from scratch or from an older checkpoint, later rows are of another run.
    assert not TrainingLog(tmp_path, 0).has_scores(2000)
    assert not TrainingLog(tmp_path, 2000).has_scores(4000)
    assert not TrainingLog(tmp_path, 3000).has_scores(3000)


def test_resumed_run_never_truncates_the_log(tmp_path):
    with TrainingLog(tmp_path) as log:
        log.losses(1, 1.0, {"total": 2.0})
    earlier = tmp_path / "earlier.csv"
    earlier.hardlink_to(tmp_path / "log.csv")
    TrainingLog(tmp_path, 1).losses(2, 2.0, {"total": 1.5})
    assert earlier.read_text() == "step,seconds,total\n1,1,2\n"
    assert (tmp_path / "log.csv").read_text() == "step,seconds,total\n1,1,2\n2,2,1.5\n"


def test_rows_with_other_columns_are_removed(tmp_path):
    (tmp_path / "validation.csv").write_text("step,streets.AP50\n1,0.5\n")
    TrainingLog(tmp_path, 1).scores(2, {"roads": {"AP50": 0.123456}})
    assert (tmp_path / "validation.csv").read_text() == "step,roads.AP50\n2,0.123456\n"


@pytest.mark.parametrize("torn", ["20,0.5", "20,0.5,0.", "20,0.5\n"])
def test_incomplete_row_counts_as_not_written(tmp_path, torn):
    header, row = "step,streets.AP50,streets.AP70\n", "10,0.1,0.1\n"
    (tmp_path / "validation.csv").write_text(header + row + torn)
    log = TrainingLog(tmp_path, 20)
    assert not log.has_scores(20)
    assert log.has_scores(10)
    log.scores(20, {"streets": {"AP50": 0.5, "AP70": 0.25}})
    assert (tmp_path / "validation.csv").read_text() == header + row + "20,0.5,0.25\n"


class FullDisk:
    """A TensorBoard writer on a disk that fills up; ``failing`` is the method that fails."""

    failing = ""

    def __init__(self, folder, purge_step):
        Path(folder).mkdir(exist_ok=True)

    def add_scalar(self, *_):
        self.fail("add_scalar")

    def close(self):
        self.fail("close")

    def fail(self, method):
        if method == self.failing:
            raise OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture
def tensorboard(monkeypatch):
    module = SimpleNamespace(SummaryWriter=FullDisk)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)


@pytest.mark.usefixtures("tensorboard")
@pytest.mark.parametrize("failing", ["add_scalar", "close"])
def test_full_disk_in_the_tensorboard_folder_is_reported(tmp_path, monkeypatch, failing):
    monkeypatch.setattr(FullDisk, "failing", failing)
    with (
        pytest.raises(OutputError, match=r"cannot write .*/tensorboard: no space left on device"),
        TrainingLog(tmp_path) as log,
    ):
        log.losses(1, 1.0, {"total": 2.0})


@pytest.mark.usefixtures("tensorboard")
def test_file_in_place_of_the_tensorboard_folder_is_reported(tmp_path):
    (tmp_path / "tensorboard").touch()
    with pytest.raises(OutputError, match=r"/tensorboard: .*a file is where a folder should be"):
        TrainingLog(tmp_path)


@pytest.mark.parametrize(("done", "purged"), [(0, 0), (8, 9)])
def test_tensorboard_purges_only_steps_to_be_repeated(tmp_path, monkeypatch, done, purged):
    made = []
    writer = SimpleNamespace(SummaryWriter=lambda folder, purge_step: made.append(purge_step))
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", writer)
    TrainingLog(tmp_path, done)
    assert made == [purged]


def test_run_logs_slow_operations(tiny_config, data_set, tmp_path, caplog, monkeypatch):
    other = write_coco(tmp_path / "other", "x")
    monkeypatch.setattr(trainer, "LINE_SECONDS", 0.0)
    caplog.set_level(logging.INFO)
    data = [{"path": data_set, "held_out": ["c"]}, {"path": other, "held_out": "all"}]
    trainer.train(tiny_config(data=data, steps=1))
    assert caplog.messages[:2] == [
        "reading annotations",
        "looking for held-out images among those to train on",
    ]
    for number in (1, 2):
        assert f"step 1, unseen scenes: image {number} of 2" in caplog.messages
