"""Identity of a training run, so that only its own checkpoint can resume it."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stages.detector.shipped import find_weights
from stages.detector.spotnet.config import current_settings
from stages.errors import ConfigError
from stages.wording import counted
from tools.datasets.sample import Sample
from tools.training.config import TrainingConfig
from tools.training.data import TrainingData

SETTINGS_THAT_MAY_CHANGE = {"output", "steps", "workers", "threads", "device", "validate_every",
                            "save_every", "log_every", "checkpoint_activations"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class DataIdentity:
    """Which images are trained on and held out, and what is annotated in each.

    Attributes:
        training: Number of training images.
        validation: Number of held-out images.
        digest: SHA-256 of their paths, numbers of boxes and ignored regions, and of which of them
            have masks, in hexadecimal digits.
    """

    training: int
    validation: int
    digest: str

    @classmethod
    def of(cls, data: TrainingData) -> DataIdentity:
        """Identifies the data that a training config names."""
        training = [sample for sample, _ in data.training]
        held = [sample for _, samples in data.validation.values() for sample in samples]
        lines = sorted([*_lines("training", training), *_lines("held out", held)])
        digest = hashlib.sha256(os.fsencode("\n".join(lines))).hexdigest()
        return cls(len(training), len(held), digest)

    def counts(self) -> str:
        """Returns the numbers of images, for a message."""
        return f"{self.training} training and {counted(self.validation, 'validation image')}"


@dataclass(frozen=True, slots=True)
class RunIdentity:
    """Everything that must not change on resuming, as recorded in a checkpoint.

    Attributes:
        config: The settings that must not change, as plain values.
        data: Identity of the data.
        digests: SHA-256 of the weights files that a resumed run reads again, by setting: the
            teacher's, and those of `TrainingConfig.finder_setting`. Files that cannot be opened are
            left out, as loading them reports the reason.
        processes: Number of training processes; each makes its own crops.
    """

    config: dict[str, Any]
    data: DataIdentity
    digests: dict[str, str]
    processes: int

    @classmethod
    def of(cls, config: TrainingConfig, data: TrainingData, processes: int = 1) -> RunIdentity:
        """Identifies a run by all its inputs."""
        settings = config.model_dump(mode="json", exclude=SETTINGS_THAT_MAY_CHANGE)
        return cls(settings, DataIdentity.of(data), _weights_digests(config), processes)

    def check(self, content: Mapping[str, Any], path: Path) -> None:
        """Checks that the checkpoint ``path`` with this ``content`` belongs to this run.

        Raises:
            ConfigError: It belongs to another config or number of processes, or to other data or
                weights.
        """
        saved, now = content["config"], self.config
        model = current_settings(saved["model"])
        model.pop("num_classes", None)  # earlier releases accepted it; it follows from the classes
        saved = saved | {"model": model}
        differing = sorted(key for key in now if saved.get(key) != now[key])
        if not differing and list(saved["classes"]) != list(now["classes"]):
            differing = ["order of classes"]  # which comparing dicts ignores; the heatmap has it
        processes = content.get("processes", self.processes)  # missing in older checkpoints
        if processes != self.processes:
            differing.append(f"number of processes ({processes}, now {self.processes})")
        if differing:
            named = ", ".join("data (or path of it)" if key == "data" else key for key in differing)
            raise ConfigError(
                f"{path} was trained with another {named}; choose another output, or --overwrite"
            )
        if "data" in content:  # missing in older checkpoints
            _check_data(path, DataIdentity(**content["data"]), self.data)
        if "digests" in content:  # missing in older checkpoints
            _check_weights(path, content["digests"], self.digests)


def _lines(part: str, samples: Sequence[Sample]) -> list[str]:
    return [f"{part} {len(sample.boxes)}{_extras(sample)} {sample.path}" for sample in samples]


def _extras(sample: Sample) -> str:
    regions = f" {len(sample.ignored)} ignored" if len(sample.ignored) else ""
    return regions + (" masked" if sample.mask else "")


def _weights_digests(config: TrainingConfig) -> dict[str, str]:
    digests = {}
    for name in {"teacher", config.finder_setting() or "teacher"}:
        path = getattr(config, name)
        with contextlib.suppress(OSError):
            if path is not None and (file := find_weights(path)).is_file():
                with file.open("rb") as content:
                    digests[name] = hashlib.file_digest(content, "sha256").hexdigest()
    return digests


def _check_data(path: Path, trained_on: DataIdentity, now: DataIdentity) -> None:
    """Refuses other data, as images that were trained on may now be held out."""
    if trained_on == now:
        return
    how = f"{trained_on.counts()}, now {now.counts()}"
    if trained_on.counts() == now.counts():
        how = (
            "as many images, but others, held out otherwise, or with other boxes, ignored regions "
            "or masks"
        )
    raise ConfigError(
        f"{path} was trained on other data: {how}; choose another output (with initial: "
        f"{path.with_name('last.safetensors')}, to go on from its weights), or --overwrite"
    )


def _check_weights(path: Path, trained_with: dict[str, str], now: dict[str, str]) -> None:
    """Refuses weights files that have changed; a missing file is reported later."""
    changed = [name for name in now if now[name] != trained_with.get(name)]
    if changed:
        raise ConfigError(
            f"{path} was trained with other weights in the file of {' and '.join(changed)}; "
            f"restore it, choose another output, or --overwrite"
        )
