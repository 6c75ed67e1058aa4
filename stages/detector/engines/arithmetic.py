"""The arithmetic that an engine computes in."""

from __future__ import annotations

from typing import Literal, TypeAlias

import torch

from stages.detector.engines.engine import Precision
from stages.detector.engines.int8 import supports_int8
from stages.detector.spotnet import SpotNet

Arithmetic: TypeAlias = Literal["float32", "bfloat16", "int8"]


def arithmetic_of(precision: Precision, network: SpotNet, device: torch.device) -> Arithmetic:
    """Returns the arithmetic of a network, in an engine that supports all of them.

    ``"auto"`` is the fastest: bfloat16 if the device supports it natively; int8 on other CPUs with
    AVX2, if the network can be computed in it; otherwise float32.
    """
    if precision != "auto":
        return precision
    if fast_dtype(device) is torch.bfloat16:
        return "bfloat16"
    is_fast_in_int8 = device.type == "cpu" and torch.cpu._is_avx2_supported()
    if is_fast_in_int8 and torch.backends.mkldnn.is_available() and supports_int8(network):
        return "int8"
    return "float32"


def fast_dtype(device: torch.device) -> torch.dtype:
    """Returns bfloat16 if the device supports it natively, otherwise float32.

    CPUs without AMX or AVX512-BF16 and NVIDIA GPUs older than Ampere emulate bfloat16, an order of
    magnitude slower than float32.
    """
    if device.type == "cuda":
        with torch.cuda.device(device):  # the check is for the current GPU
            computes = torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.bfloat16 if computes else torch.float32
    if device.type == "cpu" and (
        torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()
    ):
        return torch.bfloat16
    return torch.float32
