import torch
from torch.nn import functional as F

from stages.detector.engines import torch_engine
from stages.detector.engines.packed import packed_graph
from stages.detector.engines.torch_engine import TorchEngine
from stages.detector.peaks import find_peaks
from stages.detector.preprocessing import normalise


def adjacent_peaks(logits):
    """How many of the sure peaks of one heatmap have another beside them."""
    scores, _, cells = find_peaks(logits)
    found = torch.zeros(logits[0, 0].numel())
    found[cells[scores > 0.1]] = 1
    around = F.avg_pool2d(found.view(1, 1, *logits.shape[2:]), 3, 1, 1, divisor_override=1)
    return int((around.flatten()[found > 0] > 1).sum())


def test_neighbouring_cells_are_not_both_peaks_in_bfloat16(weights, images, monkeypatch):
    monkeypatch.setattr(torch_engine, "fast_dtype", lambda device: torch.bfloat16)
    monkeypatch.setattr(torch_engine, "packed_graph", lambda graph: graph)  # each CPU's own
    plain = TorchEngine(weights, torch.device("cpu")).graph
    pixels = normalise(torch.from_numpy(images[1:])).bfloat16()
    for graph in (plain, packed_graph(plain)):
        with torch.inference_mode():
            logits, _ = graph.network.locate(pixels)
        assert adjacent_peaks(logits.bfloat16()) > 0
        assert adjacent_peaks(logits) == 0
