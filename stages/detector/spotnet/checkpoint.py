"""Reads and writes SpotNet weights, without ever unpickling code."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias, TypeGuard

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load, save
from torch import Tensor

from stages.detector.spotnet.config import SpotNetConfig, published_config
from stages.detector.spotnet.model import SpotNet

Ranges: TypeAlias = dict[str, tuple[float, float]]

OTHER_NETWORK_ADVICE = (
    "give another network's boxes as detector.detections, or a class that runs it as detector.name"
)
"""Advice for networks other than SpotNet, as the end of a message."""

_CONFIG, _RANGES = "spotnet", "ranges"  # metadata keys in our files; both values are JSON
_MAX_NAMED = 10  # tensors that do not fit; if there are more, only a few of each kind are named
_FEW = 3
_LONGEST_REASON = 300  # characters; some quote values of the file

_CLASS_LAYER = re.compile(r"hm\.\d+\.1\.(weight|bias)")  # one row for each class

_ZIP_START = b"PK\3\4"  # of files written by torch since 1.6
_CUT_OFF = "is damaged or was cut off: copy or download it again"


class CheckpointError(ValueError):
    """A weights file that cannot be used; the message is for the user.

    Attributes:
        differences: Every tensor that does not fit, and how; the message names a few if many.

    Args:
        message: The reason.
        differences: See above.
    """

    def __init__(self, message: str, differences: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.differences = tuple(differences)


def load_checkpoint(path: str | Path, device: str | torch.device = "cpu") -> SpotNet:
    """Loads the model in a weights file, in eval mode and float32, on ``device``.

    Files from `save_checkpoint`, with any name, contain their config. All other files are assumed
    to be in the published format: a state dict saved by torch, plain or under the key
    ``state_dict``, with or without the prefix ``module.``. Its class count is inferred from the
    heatmap head.

    Raises:
        CheckpointError: The file is missing or unreadable, a tensor does not fit, or a value is not
            a finite number.
    """
    path = Path(path)
    check_file(path)
    ranges = None
    if _is_safetensors(path):
        config, state, ranges = _read_safetensors(path)
    else:
        config, state = _read_published(path)
    with torch.device("meta"):
        model = SpotNet(config)
    wanted = model.state_dict()
    _check_fit(path, wanted, state)
    model.ranges = ranges
    typed = {key: value.to(wanted[key].dtype) for key, value in state.items()}
    _check_finite(path, typed)
    model.load_state_dict(typed, strict=True, assign=True)
    return model.to(device).eval()


def load_initial(model: SpotNet, path: str | Path) -> list[str]:
    """Initialises ``model`` with the tensors of a weights file that match by name and shape.

    Accepts the same files as `load_checkpoint`, and CenterNet's hourglass checkpoints, which use
    the same names. Their class heads differ, so the model's keep their values; but every class of
    the model starts as a copy of the only class of a file, and classes of the same names are found
    in any order.

    Returns:
        Names of the model's tensors that the file does not hold in the same shape.

    Raises:
        CheckpointError: The file is missing or unreadable, fewer than half of the model's tensors
            fit, or a value is not a finite number.
    """
    path = Path(path)
    check_file(path)
    read = _read_safetensors if _is_safetensors(path) else _read_published
    config, found = read(path)[:2]
    found = in_order(found, config.class_names, model.config.class_names)
    wanted = model.state_dict()
    fitting = {
        key: found[key].to(value.dtype)
        for key, value in wanted.items()
        if key in found and found[key].shape == value.shape
    }
    for key in wanted.keys() & found.keys() - fitting.keys():
        if _CLASS_LAYER.fullmatch(key) and found[key].shape == (1, *wanted[key].shape[1:]):
            fitting[key] = found[key].to(wanted[key].dtype).expand_as(wanted[key])
    if len(fitting) < len(wanted) / 2:
        raise CheckpointError(
            f"only {len(fitting)} of the model's {len(wanted)} tensors are in {path} in the same "
            f"shape: it is for another network"
        )
    _check_finite(path, fitting)
    model.load_state_dict(fitting, strict=False)
    return [key for key in wanted if key not in fitting]


def in_order(
    state: Mapping[str, Tensor], names: Sequence[str], wanted: Sequence[str]
) -> dict[str, Tensor]:
    """Returns a state dict with its classes, ``names``, in the order ``wanted`` if it has these."""
    if names == wanted or sorted(names) != sorted(wanted):
        return dict(state)
    rows = [names.index(name) for name in wanted]
    return {
        key: value[rows] if _CLASS_LAYER.fullmatch(key) and len(value) == len(rows) else value
        for key, value in state.items()
    }


def save_checkpoint(model: SpotNet, path: str | Path, *, half: bool = True) -> None:
    """Writes weights, config and ranges as safetensors, regardless of the suffix of ``path``.

    ``model.ranges`` must belong to the weights written; code that changes weights sets it to None.

    Args:
        model: A network as built or loaded, without folded batch norms.
        path: File to write; its folder must exist.
        half: Whether to write floating-point tensors in fp16; tensors with a value beyond its
            range, +-65,504, are not converted.

    Raises:
        ValueError: The model's batch norms are folded, see `SpotNet.fused`: it could not be loaded.
    """
    state = model.state_dict()
    with torch.device("meta"):
        wanted = SpotNet(model.config).state_dict()
    if state.keys() != wanted.keys():
        raise ValueError("the network's tensors are not those of its config, as after fused()")
    state = {
        key: (_halved(value) if half else value).cpu().contiguous() for key, value in state.items()
    }
    metadata = {_CONFIG: model.config.to_json()}
    if model.ranges is not None:
        metadata[_RANGES] = json.dumps(model.ranges)
    # `save_file` would create a file that other users may not read.
    Path(path).write_bytes(save(state, metadata=metadata))


def with_ranges(content: bytes, config: SpotNetConfig, ranges: Ranges) -> bytes:
    """Returns the content of our safetensors file with the given config and ranges."""
    metadata = {_CONFIG: config.to_json(), _RANGES: json.dumps(ranges)}
    return save(load(content), metadata=metadata)


def _halved(tensor: Tensor) -> Tensor:
    """Returns ``tensor`` in fp16, or unchanged if it holds integers or does not fit."""
    if not tensor.is_floating_point() or bool((tensor.abs() > torch.finfo(torch.half).max).any()):
        return tensor
    return tensor.half()


def _is_safetensors(path: Path) -> bool:
    """Checks the name and the content: a length of eight bytes, then JSON."""
    return path.suffix == ".safetensors" or _begins_as_safetensors(path)


def _begins_as_safetensors(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(9)[6:] == b"\0\0{"
    except OSError:  # reading it raises an error
        return False


def check_file(path: Path) -> None:
    """Checks that the file exists and is not empty.

    Raises:
        CheckpointError: The path is a folder, or the file does not exist or is empty.
    """
    if path.is_dir():
        raise CheckpointError(f"{path} is a folder, not a weights file")
    if not path.is_file():
        where = "stages.detector.shipped.find_weights gives the paths of those that ship"
        raise CheckpointError(f"no weights file {path}; {where}")
    if not path.stat().st_size:
        raise CheckpointError(f"{path} is empty: copy or download it again")


def _read_safetensors(path: Path) -> tuple[SpotNetConfig, dict[str, Tensor], Ranges | None]:
    try:
        with safe_open(str(path), framework="pt") as file:
            metadata = file.metadata() or {}
            state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        is_other = not _begins_as_safetensors(path)
        why = "is not a safetensors file, whatever its name says" if is_other else _CUT_OFF
        raise CheckpointError(f"{path} {why}") from error
    except OSError as error:
        raise CheckpointError(f"{path} is not a readable safetensors file: {error}") from error
    if _CONFIG not in metadata:
        raise CheckpointError(
            f"{path} holds no SpotNet config in its metadata; {OTHER_NETWORK_ADVICE}"
        )
    try:
        config = SpotNetConfig.from_json(metadata[_CONFIG])
    except (TypeError, ValueError) as error:
        why = str(error)[:_LONGEST_REASON]
        raise CheckpointError(f"{path}: its SpotNet config is not usable: {why}") from error
    try:
        ranges = _ranges_of(json.loads(metadata.get(_RANGES, "null")))
    except (AttributeError, OverflowError, RecursionError, TypeError, ValueError) as error:
        why = str(error)[:_LONGEST_REASON]
        raise CheckpointError(f"{path}: its ranges of features are not usable: {why}") from error
    return config, state, ranges


def _ranges_of(stated: Any) -> Ranges | None:
    if stated is None:
        return None
    ranges = {name: (float(low), float(top)) for name, (low, top) in stated.items()}
    largest = torch.finfo(torch.float32).max
    for name, (low, top) in ranges.items():
        if not -largest <= low <= top <= largest:
            raise ValueError(f"{name} is between {low:g} and {top:g}")
    return ranges


def _read_published(path: Path) -> tuple[SpotNetConfig, dict[str, Tensor]]:
    if _is_torchscript(path):
        raise CheckpointError(
            f"{path} is TorchScript, made for other programs; give the weights that it was made "
            f"from, or the network exported as .onnx"
        )
    if path.suffix.lower() in (".onnx", ".xml"):
        raise CheckpointError(f"{path} is an exported network; give the weights it was made from")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch documents no narrower exception
        if _is_cut_off(path, error):
            raise CheckpointError(f"{path} {_CUT_OFF}") from error
        raise CheckpointError(
            f"{path} is not a readable weights file: neither .safetensors nor a PyTorch file "
            f"that holds tensors alone; {OTHER_NETWORK_ADVICE}"
        ) from error
    if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        content = content["state_dict"]
    if not _is_state_dict(content):
        below = content.items() if isinstance(content, Mapping) else ()
        keys = [repr(key) for key, value in below if _is_state_dict(value) and value]
        hint = f"; save the one under its key {' or '.join(keys)} as a file of its own"
        raise CheckpointError(
            f"{path} holds no state dict (a mapping of names to tensors){hint if keys else ''}"
        )
    state = {re.sub(r"^module\.", "", key): value for key, value in content.items()}
    heatmap = state.get("hm.0.1.weight")
    classes = int(heatmap.shape[0]) if heatmap is not None and heatmap.ndim else 1
    try:
        return published_config(classes), state
    except ValueError as error:
        raise CheckpointError(f"{path} does not hold a SpotNet: {error}") from error


def _is_state_dict(content: object) -> TypeGuard[Mapping[str, Tensor]]:
    return isinstance(content, Mapping) and all(
        isinstance(key, str) and isinstance(value, Tensor) for key, value in content.items()
    )


def _is_cut_off(path: Path, error: Exception) -> bool:
    """Returns whether a file that torch cannot read is a truncated zip archive or pickle."""
    with path.open("rb") as file:
        is_zip = file.read(len(_ZIP_START)) == _ZIP_START
    is_short = isinstance(error, EOFError) or "unexpected EOF" in str(error)
    return is_short or (is_zip and not zipfile.is_zipfile(path))


def _is_torchscript(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as file:
            return any(name.endswith("/constants.pkl") for name in file.namelist())
    except (OSError, zipfile.BadZipFile):
        return False


def _check_fit(path: Path, wanted: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> None:
    kinds = (
        [f"missing {key}" for key in wanted if key not in found],
        [f"unexpected {key}" for key in found if key not in wanted],
        [
            f"{key} has shape {tuple(found[key].shape)}, expected {tuple(wanted[key].shape)}"
            for key in wanted
            if key in found and found[key].shape != wanted[key].shape
        ],
    )
    every = [each for kind in kinds for each in kind]
    if not every:
        return
    named = every
    if len(every) > _MAX_NAMED:
        named = [each for kind in kinds for each in _first_few(kind)]
    differ = "1 tensor differs" if len(every) == 1 else f"{len(every)} tensors differ"
    raise CheckpointError(f"{path} does not fit the model, {differ}: " + "; ".join(named), every)


def _check_finite(path: Path, state: Mapping[str, Tensor]) -> None:
    for key, value in state.items():
        # The sum is enough for most tensors and takes a tenth of the time.
        if not torch.isfinite(value.sum()) and not torch.isfinite(value).all():
            raise CheckpointError(f"{path} is damaged: {key} holds values that are not finite")


def _first_few(kind: list[str]) -> list[str]:
    more = len(kind) - _FEW
    return [*kind[:_FEW], f"and {more} more"] if more > 0 else kind
