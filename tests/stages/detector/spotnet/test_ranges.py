import torch

from stages.detector.spotnet import SpotNet, feature_ranges

SMALL = {"stem_channels": 8, "dims": (8, 16), "modules": (1, 1), "head_channels": 8,
         "feature_channels": 16}  # fmt: skip


def test_ranges_cover_all_inputs_together():
    torch.manual_seed(0)
    network = SpotNet.compact(**SMALL).eval().fused()
    images = [torch.randn(1, 3, 64, 64) * loudness for loudness in (1, 5, 2)]
    both = feature_ranges(network, images)
    apart = [feature_ranges(network, [each]) for each in images]
    assert both.keys() == apart[0].keys()
    for name, (low, high) in both.items():
        assert low == min(each[name][0] for each in apart)
        assert high == max(each[name][1] for each in apart)


def test_ranges_cover_every_feature_that_is_quantised():
    network = SpotNet.compact(**SMALL).eval().fused()
    ranges = feature_ranges(network, [torch.randn(1, 3, 64, 64)])
    assert {"pre.0", "pre.1", "pre.1.relu1", "pre.1.skip", "kps.0", "cnvs.0"} <= ranges.keys()
    assert "kps.0.up1.0.skip" not in ranges  # passes its input through
    assert ranges["pre.1.skip"][0] < 0
    assert all(low >= 0 for name, (low, _) in ranges.items() if not name.endswith("skip"))
    assert not any(module._forward_hooks for module in network.modules())
