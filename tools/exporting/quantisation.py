"""Convolutions in 8-bit integers: half the time on a CPU, at nearly the same boxes."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from typing import Any

from stages.detector.engines.extras import need
from stages.records import UInt8Array

KEPT_IN_FLOAT = (
    r"/pre/pre\.0/.*",  # sees pixels
    r"/(hm|seg)\.\d+/\1\.\d+\.1/.*",  # last convolution of a head: scores are read off it
    r"/(wh|reg)\.\d+/.*",  # at a few cells only: nothing to gain
)
"""Names of the layers, as they come out of ONNX, that stay as they are."""

ARITHMETIC = ("Add", "Subtract", "Multiply", "Divide")
"""Stays as it is, too: 8 bits would place boxes in steps of three pixels."""


def quantise(model: Any, inputs: Iterable[UInt8Array]) -> Any:
    """An int8 copy of an ``openvino.Model``, by NNCF's post-training quantisation.

    Args:
        model: Of `openvino_model`.
        inputs: What the network typically sees, ``(1, H, W, 3)``.

    Raises:
        ConfigError: NNCF is not installed.
    """
    os.environ.setdefault("NNCF_CI", "1")  # else it reports its use over the network
    nncf = need("nncf", "int8")
    nncf.set_log_level(logging.ERROR)
    samples = list(inputs)
    return nncf.quantize(
        model,
        nncf.Dataset(samples),
        subset_size=len(samples),
        preset=nncf.QuantizationPreset.MIXED,
        ignored_scope=nncf.IgnoredScope(
            patterns=list(KEPT_IN_FLOAT), types=list(ARITHMETIC), validate=False
        ),
    )
