"""The config of a SpotNet: all settings that change the network's tensors or its results."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

_ALLOWED: dict[str, tuple[Any, ...]] = {
    "segmentation_stride": (1, 4),
    "attention": ("none", "raw", "sigmoid"),
    "attention_scope": ("heatmap", "all"),
    "padding": ("centred", "corner"),
}
_WHOLE = (
    "num_classes",
    "stacks",
    "stem_kernel",
    "stem_channels",
    "feature_channels",
    "head_channels",
    "size_multiple",
)
_MAX = {"num_classes": 10_000, "stacks": 8, "stem_kernel": 63, "modules": 8}
_DEFAULT_MAX = 8192  # channels, or pixels for the padding of an input
_MAX_LEVELS = 12

MAX_SCALE = 4
"""Maximum factor by which frames may be resized."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpotNetConfig:
    """Architecture of a SpotNet; the defaults are the published model.

    Attributes:
        num_classes: Channels of the centre heatmap.
        stacks: Number of hourglasses in a row.
        stem_kernel: Kernel of the first convolution, stride 2.
        stem_channels: Channels after the first convolution.
        dims: Channels of each hourglass level, from stride 4 down; ``n`` levels halve ``n - 1``
            times.
        modules: Blocks of the hourglass by level, as many as ``dims``.
        feature_channels: Channels of the features that the heads receive.
        head_channels: Channels inside the heads.
        segmentation_stride: 1 (logits at full resolution, as published) or 4.
        attention: What multiplies the features: the ``"raw"`` segmentation logits (published),
            their ``"sigmoid"``, or ``"none"`` (CenterNet).
        attention_scope: Which heads receive the weighted features: ``"heatmap"`` (published) or
            ``"all"`` (the paper's text).
        squeeze_excitation: Whether to include the published checkpoint's unused ``SqEx`` tensors.
        padding: How an image is padded to a size the network can halve: ``"centred"`` to
            ``(size | multiple - 1) + 1`` with the image in the centre (published), or
            ``"corner"`` to the next multiple with the image at the top left.
        size_multiple: The multiple for ``padding``.
        scale: Default factor by which frames are resized.
        class_names: One name per class.
    """

    num_classes: int = 1
    stacks: int = 2
    stem_kernel: int = 7
    stem_channels: int = 128
    dims: tuple[int, ...] = (256, 256, 384, 384, 384, 512)
    modules: tuple[int, ...] = (2, 2, 2, 2, 2, 4)
    feature_channels: int = 256
    head_channels: int = 256
    segmentation_stride: Literal[1, 4] = 1
    attention: Literal["none", "raw", "sigmoid"] = "raw"
    attention_scope: Literal["heatmap", "all"] = "heatmap"
    squeeze_excitation: bool = True
    padding: Literal["centred", "corner"] = "centred"
    size_multiple: int = 128
    scale: float = 1.0
    class_names: tuple[str, ...] = ("vehicle",)

    def __post_init__(self) -> None:
        for name, allowed in _ALLOWED.items():
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} must be one of {allowed}, got {getattr(self, name)!r}")
        for name in _WHOLE:
            _check_whole(name, getattr(self, name), least=1)
        _check_whole("dims", self.dims, least=1, several=True)
        _check_whole("modules", self.modules, least=0, several=True)
        if not isinstance(self.scale, int | float) or not self.scale > 0:
            raise ValueError(f"scale must be a positive number, got {self.scale!r}")
        if self.scale > MAX_SCALE:
            raise ValueError(f"scale must be at most {MAX_SCALE}, got {self.scale!r}")
        # ("car") is a string, and would be three classes
        names = self.class_names
        if not isinstance(names, tuple) or any(type(name) is not str for name in names):
            raise ValueError(f"class_names must be a tuple of names, got {names!r}")
        if any("," in name or not name.isprintable() for name in names):  # columns of text files
            raise ValueError(f"class_names must be printable and have no commas, got {names}")
        if len(names) != self.num_classes:
            raise ValueError(f"class_names must hold {self.num_classes} names, got {names}")
        if len(self.dims) != len(self.modules) or not 2 <= len(self.dims) <= _MAX_LEVELS:
            raise ValueError(
                f"dims and modules must be equally long, 2 to {_MAX_LEVELS}, "
                f"got {self.dims} and {self.modules}"
            )
        if self.size_multiple % self.min_multiple:
            raise ValueError(
                f"size_multiple must be a multiple of {self.min_multiple}, got {self.size_multiple}"
            )

    @property
    def min_multiple(self) -> int:
        """Number of pixels of which the height and width of an input must be multiples."""
        return int(4 * 2 ** (len(self.dims) - 1))

    def to_json(self) -> str:
        """Returns the config as a JSON object, as stored in a checkpoint's metadata."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> SpotNetConfig:
        """Reads the result of `to_json`.

        Raises:
            TypeError: The text is not a JSON object, or a setting is unknown.
            ValueError: The text is not JSON, or a setting is out of range.
        """
        try:
            values: dict[str, Any] = json.loads(text)
        except RecursionError as error:
            raise ValueError("it is nested too deeply") from error
        if isinstance(values, dict):
            values = current_settings(values)
            if "block" in values:
                raise ValueError("its blocks are separable; this release has residual ones alone")
            values = _with_tuples(values)
        return cls(**values)


def _check_whole(name: str, given: Any, *, least: int, several: bool = False) -> None:
    values, what = (given, "whole numbers") if several else ((given,), "a whole number")
    if not isinstance(values, tuple) or any(type(v) is not int or v < least for v in values):
        raise ValueError(f"{name} must be {what} from {least}, got {given!r}")
    most = _MAX.get(name, _DEFAULT_MAX)
    if any(value > most for value in values):
        raise ValueError(f"{name} must be at most {most}, got {given!r}")


def current_settings(values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the settings of any release without ``block: residual``, which is implied now.

    Earlier releases had other blocks as well; such a setting stays, for the caller to refuse.
    """
    return {key: value for key, value in values.items() if (key, value) != ("block", "residual")}


def published_config(num_classes: int = 1) -> SpotNetConfig:
    """Returns the config of arXiv 2002.05540: 193.7 M parameters for one class.

    Raises:
        ValueError: The number of classes is 0 or too large.
    """
    count = min(num_classes, _MAX["num_classes"])
    names = ("vehicle",) if count == 1 else tuple(f"class{i}" for i in range(count))
    return SpotNetConfig(num_classes=num_classes, class_names=names)


_SMALL: dict[str, Any] = {
    "stacks": 1,
    "stem_kernel": 3,
    "segmentation_stride": 4,
    "attention": "sigmoid",
    "squeeze_excitation": False,
    "padding": "corner",
    "size_multiple": 64,
}

PRESETS: dict[str, dict[str, Any]] = {
    "nano": _SMALL
    | {
        "stem_channels": 16,
        "dims": (24, 40, 64, 96, 128),
        "modules": (1, 1, 1, 1, 1),
        "feature_channels": 32,
        "head_channels": 24,
        "scale": 0.75,
    },
    "compact": _SMALL
    | {
        "stem_channels": 24,
        "dims": (40, 64, 96, 128, 192),
        "modules": (1, 1, 1, 1, 2),
        "feature_channels": 48,
        "head_channels": 48,
        "scale": 0.75,
    },
    "base": _SMALL
    | {
        "stem_channels": 48,
        "dims": (96, 128, 160, 160, 160),
        "modules": (1, 1, 1, 1, 1),
        "feature_channels": 96,
        "head_channels": 64,
        "scale": 0.875,
    },
    "published": {},
}
"""Differences from `SpotNetConfig`'s defaults, by name of the preset."""


def preset_config(
    name: str, class_names: tuple[str, ...] = ("vehicle",), **overrides: Any
) -> SpotNetConfig:
    """Returns the config of a preset.

    Raises:
        ValueError: The preset is unknown, or an override is out of range.
        TypeError: An override is not a setting.
    """
    if name not in PRESETS:
        raise ValueError(f"preset must be one of {', '.join(PRESETS)}, got {name!r}")
    names = {"num_classes": len(class_names), "class_names": class_names}
    values = PRESETS[name] | names | overrides
    return SpotNetConfig(**_with_tuples(values))


def _with_tuples(values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns settings with tuples in place of lists."""
    return {key: tuple(each) if isinstance(each, list) else each for key, each in values.items()}
