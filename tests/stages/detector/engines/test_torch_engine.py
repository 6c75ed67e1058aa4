from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
import torch
from torch.nn import functional as F

from stages.detector.engines import arithmetic, torch_engine
from stages.detector.engines.packed import packed_graph
from stages.detector.engines.torch_engine import TorchEngine, output_of
from stages.detector.peaks import find_peaks
from stages.detector.preprocessing import Normalisation


def adjacent_peaks(logits):
    """Returns how many confident peaks of one heatmap have another beside them."""
    scores, _, cells = find_peaks(logits, 100)
    found = torch.zeros(logits[0, 0].numel())
    found[cells[scores > 0.1]] = 1
    around = F.avg_pool2d(found.view(1, 1, *logits.shape[2:]), 3, 1, 1, divisor_override=1)
    return int((around.flatten()[found > 0] > 1).sum())


def test_center_logits_are_finer_than_bfloat16(weights, images, monkeypatch):
    """Otherwise, neighbouring cells are often equal, and both are peaks."""
    monkeypatch.setattr(arithmetic, "fast_dtype", lambda device: torch.bfloat16)
    monkeypatch.setattr(torch_engine, "packed_graph", lambda graph: graph)  # depends on the CPU
    plain = TorchEngine(weights, torch.device("cpu")).graph
    pixels = Normalisation()(torch.from_numpy(images[1:])).bfloat16()
    for graph in (plain, packed_graph(plain)):
        with torch.inference_mode():
            logits, _ = graph.network.locate(pixels)
        rounded = logits == logits.bfloat16()
        assert rounded.float().mean() < 0.1
        assert adjacent_peaks(logits) == 0


@pytest.mark.parametrize(
    ("threads", "shares"), [(2, [1, 1]), (4, [1, 1, 1, 1]), (6, [1, 1, 2, 2]), (9, [2, 2, 2, 3])]
)
def test_parallel_images_use_all_cores(weights, threads, shares):
    torch.set_num_threads(threads)
    engine = TorchEngine(weights, torch.device("cpu"))
    all_began = Barrier(len(shares))

    def share(_):
        all_began.wait(100)
        return torch.get_num_threads()

    with ThreadPoolExecutor(engine.concurrent_calls, initializer=engine.share_cores) as pool:
        assert sorted(pool.map(share, shares)) == shares
        with ThreadPoolExecutor(1) as later:
            assert later.submit(torch.get_num_threads).result() == threads
        assert sorted(pool.map(share, shares)) == shares
    assert torch.get_num_threads() == threads


def test_an_output_row_is_a_box_its_score_and_its_class():
    found = output_of(torch.tensor([[[1.5, 2, 30, 40, 0.75, 2], [3, 4, 50, 60, 0.5, 0]]]))
    assert found.boxes.tolist() == [[[1.5, 2, 30, 40], [3, 4, 50, 60]]]
    assert found.scores.tolist() == [[0.75, 0.5]]
    assert (found.classes.tolist(), found.classes.dtype) == ([[2, 0]], "int64")
