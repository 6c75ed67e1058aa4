import torch

from stages.detector.peaks import decode_peaks


def test_a_peak_becomes_its_box():
    outputs = {
        "hm": torch.full((1, 1, 8, 12), -6.0),
        "wh": torch.zeros(1, 2, 8, 12),
        "reg": torch.zeros(1, 2, 8, 12),
    }
    outputs["hm"][0, 0, 3, 5], outputs["hm"][0, 0, 3, 6] = 4.0, 3.0  # the neighbour is no peak
    outputs["wh"][0, :, 3, 5] = torch.tensor([4.0, 2.0])
    outputs["reg"][0, :, 3, 5] = torch.tensor([0.5, 0.25])
    peaks = decode_peaks(outputs, top_k=3)
    assert peaks.boxes[0, 0].tolist() == [14.0, 9.0, 30.0, 17.0]
    assert abs(peaks.scores[0, 0].item() - torch.sigmoid(torch.tensor(4.0)).item()) < 1e-6
    assert peaks.scores[0, 1] < 0.01
