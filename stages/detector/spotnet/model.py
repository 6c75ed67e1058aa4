"""SpotNet (arXiv 2002.05540): an hourglass CenterNet that uses its segmentation as attention."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stages.detector.spotnet.config import SpotNetConfig, preset_config, published_config
from stages.detector.spotnet.hourglass import Hourglass
from stages.detector.spotnet.layers import Convolution, Residual

STRIDE = 4
"""Input pixels per cell of the heatmap."""


class _SqueezeExcitation(nn.Module):
    """Tensors that the published checkpoint holds but its network never uses."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.linear1 = nn.Linear(channels, channels // 16)
        self.linear2 = nn.Linear(channels // 16, channels)


class SpotNet(nn.Module):
    """Finds vehicles as peaks of a heatmap.

    Input: ``(N, 3, H, W)``, BGR, normalised as in ``stages.detector.preprocessing``, H and W padded
    to multiples of ``config.size_multiple``. Output: one dict per stack of

    - ``hm`` ``(N, classes, H/4, W/4)``: centre logits, before the sigmoid,
    - ``wh`` ``(N, 2, H/4, W/4)``: width and height in cells,
    - ``reg`` ``(N, 2, H/4, W/4)``: offset of the centre inside its cell, x then y,
    - ``seg`` ``(N, 1, H/s, W/s)``: vehicle mask logits at ``config.segmentation_stride`` s;
      absent if ``config.attention`` is ``"none"``.

    Attribute names are those of the published checkpoint format. ``ranges`` holds the smallest and
    largest output of each layer, or None if unknown, see `feature_ranges`.
    """

    def __init__(self, config: SpotNetConfig) -> None:
        super().__init__()
        self.config = config
        features, head = config.feature_channels, config.head_channels
        stacks = range(config.stacks)
        top = config.dims[0]
        self.pre = nn.Sequential(
            Convolution(config.stem_kernel, 3, config.stem_channels, 2),
            Residual(config.stem_channels, top, 2),
        )
        self.kps = nn.ModuleList(Hourglass(config.dims, config.modules) for _ in stacks)
        self.cnvs = nn.ModuleList(Convolution(3, top, features) for _ in stacks)
        between = range(config.stacks - 1)
        self.inters = nn.ModuleList(Residual(top, top) for _ in between)
        self.inters_ = nn.ModuleList(_pointwise(top, top) for _ in between)
        self.cnvs_ = nn.ModuleList(_pointwise(features, top) for _ in between)

        def heads(outputs: int) -> nn.ModuleList:
            return nn.ModuleList(
                nn.Sequential(
                    Convolution(3, features, head, with_bn=False), nn.Conv2d(head, outputs, 1)
                )
                for _ in stacks
            )

        self.hm = heads(config.num_classes)
        self.wh = heads(2)
        self.reg = heads(2)
        if config.attention != "none":
            self.seg = (
                nn.ModuleList(
                    nn.Sequential(
                        Convolution(3, features, head, with_bn=False),
                        _double(),
                        Convolution(3, head, head, with_bn=False),
                        nn.Conv2d(head, 1, 1),
                        _double(),
                    )
                    for _ in stacks
                )
                if config.segmentation_stride == 1
                else heads(1)
            )
        if config.squeeze_excitation:
            self.SqEx = nn.ModuleList([nn.Sequential(_SqueezeExcitation(features))])
        self._initialise_heads()
        self.ranges: dict[str, tuple[float, float]] | None = None

    def _initialise_heads(self) -> None:
        # Centres are rare: as in CenterNet, the focal loss starts from sigmoid(-2.19) = 0.1.
        for head in self.hm:
            assert isinstance(head, nn.Sequential)
            last = head[-1]
            assert isinstance(last, nn.Conv2d)
            assert last.bias is not None
            nn.init.constant_(last.bias, -2.19)

    @classmethod
    def published(cls, num_classes: int = 1) -> SpotNet:
        """Returns the paper's network with random weights."""
        return cls(published_config(num_classes))

    @classmethod
    def compact(cls, class_names: tuple[str, ...] = ("vehicle",), **overrides: Any) -> SpotNet:
        """Returns the small network for CPUs with random weights; see `SpotNetConfig`."""
        return cls(preset_config("compact", class_names, **overrides))

    @classmethod
    def from_checkpoint(cls, path: str | Path, device: str | torch.device = "cpu") -> SpotNet:
        """Loads our safetensors or a published ``.pth``, strictly, in eval mode.

        Raises:
            CheckpointError: See `load_checkpoint`.
        """
        from stages.detector.spotnet.checkpoint import load_checkpoint

        return load_checkpoint(path, device)

    def forward(self, images: Tensor) -> list[dict[str, Tensor]]:
        """See the class.

        Raises:
            ValueError: The network cannot halve H or W as often as it must.
        """
        outputs = []
        for stack, features in enumerate(self.stack_features(images)):
            output, regressed = self._centers(stack, features)
            output["wh"] = self.wh[stack](regressed)
            output["reg"] = self.reg[stack](regressed)
            outputs.append(output)
        return outputs

    def locate(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Computes the vehicles' centres for the last stack only; `regress` returns their sizes.

        Together they cost less than `forward`, whose size and offset heads compute every cell
        although only a few dozen are needed.

        Returns:
            Centre logits ``(N, classes, H/4, W/4)``, and the features ``(N, C, H/4, W/4)`` for
            `regress`.
        """
        last = self.config.stacks - 1
        *_, features = self.stack_features(images)
        output, regressed = self._centers(last, features)
        return output["hm"], regressed

    def regress(self, features: Tensor, cells: Tensor) -> tuple[Tensor, Tensor]:
        """Computes size and offset at chosen cells, equal to those of `forward`.

        Args:
            features: Features that `locate` returned.
            cells: ``(N, K)`` int64, each ``y * width + x``.

        Returns:
            ``wh`` and ``reg``, both ``(N, K, 2)``.
        """
        _, channels, _, width = features.shape
        y, x = cells // width, cells % width
        # Derived from the cells: a trace would fix the device of `torch.arange`.
        image = (torch.ones_like(cells[:, :1]).cumsum(0) - 1)[..., None, None]
        rows = torch.stack((y, y + 1, y + 2), dim=-1)[..., None]
        columns = torch.stack((x, x + 1, x + 2), dim=-1)[..., None, :]
        # The heads' first convolution covers a cell's eight neighbours, zeros beyond the edge.
        padded = F.pad(features, (1, 1, 1, 1)).permute(0, 2, 3, 1)
        patches = padded[image, rows, columns].reshape(-1, 3, 3, channels).permute(0, 3, 1, 2)
        last = self.config.stacks - 1
        values = (head[last](patches)[:, :, 1, 1] for head in (self.wh, self.reg))
        size, offset = (value.reshape(*cells.shape, 2) for value in values)
        return size, offset

    def stack_features(self, images: Tensor) -> Iterator[Tensor]:
        """Yields the features ``(N, C, H/4, W/4)`` of each stack, from the first to the last.

        Raises:
            ValueError: The network cannot halve H or W as often as it must.
        """
        self._check_size(images)
        inter = self.pre(images)
        for stack in range(self.config.stacks):
            features = self.cnvs[stack](self.kps[stack](inter))
            yield features
            if stack < self.config.stacks - 1:
                mixed = self.inters_[stack](inter) + self.cnvs_[stack](features)
                inter = self.inters[stack](F.relu(mixed))

    def _check_size(self, images: Tensor) -> None:
        if torch.jit.is_tracing():  # tracing would turn the sizes into constants
            return
        height, width = images.shape[-2:]
        multiple = self.config.min_multiple
        if height % multiple or width % multiple:
            raise ValueError(
                f"height and width of the input must be multiples of {multiple}, "
                f"got {height}x{width}: pad it"
            )

    def _centers(self, stack: int, features: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """Returns segmentation and centre logits, and the features for size and offset."""
        weighted = features
        output: dict[str, Tensor] = {}
        if self.config.attention != "none":
            segmentation = self.seg[stack](features)
            output["seg"] = segmentation
            weighted = features * self._attention(segmentation)
        output["hm"] = self.hm[stack](weighted)
        return output, weighted if self.config.attention_scope == "all" else features

    def _attention(self, segmentation: Tensor) -> Tensor:
        if self.config.segmentation_stride == 1:
            segmentation = F.max_pool2d(segmentation, STRIDE)
        if self.config.attention == "sigmoid":
            return torch.sigmoid(segmentation)
        return segmentation

    def fused(self) -> SpotNet:
        """Returns a copy for inference with batch norms folded into the preceding convolutions."""
        model = copy.deepcopy(self).eval()
        for module in model.modules():
            if isinstance(module, Convolution):
                _fuse(module, "conv", "bn")
            elif isinstance(module, Residual):
                _fuse(module, "conv1", "bn1")
                _fuse(module, "conv2", "bn2")
                _fuse_pair(module.skip)
        for pair in (*model.inters_, *model.cnvs_):
            _fuse_pair(pair)
        return model


def _double() -> nn.Upsample:
    return nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)


def _pointwise(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs))


def _fuse(module: nn.Module, convolution: str, norm: str) -> None:
    bn = getattr(module, norm)
    if isinstance(bn, nn.BatchNorm2d):
        fused = nn.utils.fusion.fuse_conv_bn_eval(getattr(module, convolution), bn)
        setattr(module, convolution, fused)
        setattr(module, norm, nn.Identity())


def _fuse_pair(pair: nn.Module) -> None:
    if isinstance(pair, nn.Sequential) and len(pair) == 2:
        _fuse(pair, "0", "1")


class _Float(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.float()


def in_bfloat16(model: SpotNet) -> SpotNet:
    """Makes ``model`` compute in bfloat16, except for the last convolution of the centre logits.

    With the eight bits of bfloat16, the logits of neighbouring cells would often be equal, and both
    would count as peaks.
    """
    model.to(torch.bfloat16)
    for head in model.hm:
        assert isinstance(head, nn.Sequential)
        head[-1] = nn.Sequential(_Float(), head[-1].float())
    return model


def channels_last(model: SpotNet) -> SpotNet:
    """Lays out the weights as ``(O, H, W, I)``, which is faster on CPUs and tensor cores."""
    nn.Module.to(model, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return model
