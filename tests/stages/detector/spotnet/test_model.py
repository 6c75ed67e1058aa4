"""A network's initial scores, and the inputs that it accepts."""

import pytest
import torch

from stages.detector.spotnet import SpotNet


def test_initial_scores_are_a_tenth():
    """Centres are rare: with initial scores of one half, the loss takes long to fall."""
    network = SpotNet.compact(dims=(8, 8), modules=(1, 1))
    assert network.hm[0][-1].bias.sigmoid().tolist() == [pytest.approx(0.1, abs=0.001)]


def test_an_input_that_cannot_be_halved_is_refused_with_advice():
    network = SpotNet.compact(dims=(8, 8, 8), modules=(1, 1, 1)).eval()
    message = r"height and width of the input must be multiples of 16, got 32x40: pad it"
    for compute in (network, network.locate):
        with torch.inference_mode(), pytest.raises(ValueError, match=message):
            compute(torch.zeros(1, 3, 32, 40))
    with torch.inference_mode():
        assert network(torch.zeros(1, 3, 32, 48))[-1]["hm"].shape == (1, 1, 8, 12)
