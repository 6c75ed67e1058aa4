"""Tensors without values, which reveal what would make a GPU wait."""

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

META = torch.device("meta")


class OnMetaAlone(TorchDispatchMode):
    """Fails if an operation touches a tensor on another device or asks for a value."""

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        result = operation(*args, **(kwargs or {}))
        for each in tree_leaves((args, kwargs, result)):
            if isinstance(each, torch.Tensor):
                assert each.is_meta, f"{operation} of a tensor of the CPU, {tuple(each.shape)}"
        return result
