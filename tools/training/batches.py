"""Batches of random crops; batch ``n`` is always the same, whichever worker makes it."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import threading
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from multiprocessing.connection import wait

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from pipeline.signals import stop_signals
from stages.errors import ConfigError, SourceError, SpotStreamError
from tools.datasets.sample import Sample
from tools.training.class_map import ClassMap
from tools.training.config import DataSetConfig, TrainingConfig
from tools.training.crops import AnnotatedImage, mosaic, random_crop, recolor
from tools.training.data import TrainingData
from tools.training.pasting import cut_out_some, paste
from tools.training.targets import Targets, build_targets
from tools.workers import blocked, check_current_folder

MOSAIC_CORNER = (0.35, 0.65)  # where the four crops meet, as a fraction of the side
MAX_PASTED = 3  # maximum number of vehicles pasted from another image into one crop
MAX_UNREADABLE = 20  # consecutive images, before the data is considered broken


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Crops and their targets.

    Attributes:
        images: ``(N, side, side, 3)`` uint8 BGR.
        targets: Targets at stride 4.
        names: Source images of each crop, with ``<`` before one whose vehicles were pasted.
        unreadable: One message for each unreadable image that another one replaced.
    """

    images: Tensor
    targets: Targets
    names: list[str]
    unreadable: list[str]

    def pin_memory(self) -> Batch:
        """Returns a copy in page-locked memory; called by `DataLoader`."""
        images, targets = self.images.pin_memory(), self.targets.pin_memory()
        return replace(self, images=images, targets=targets)


class CropBatches(Dataset[Batch | ConfigError]):
    """The batches of a process; batch ``n`` depends only on the config's seed, ``n`` and ``rank``.

    Args:
        data: Samples to draw from.
        config: Training config.
        rank: Rank of the training process.
    """

    def __init__(self, data: TrainingData, config: TrainingConfig, rank: int = 0) -> None:
        self.data = data
        self.config = config
        self.rank = rank
        self.classes = ClassMap.of(config)
        cumulated = data.weights.cumsum()
        self._cumulated = cumulated / cumulated[-1:]

    def __getitem__(self, number: int) -> Batch | ConfigError:
        """Returns batch ``number``, counted from 0; an error if many images cannot be read."""
        rng = np.random.default_rng([self.config.seed, self.rank, number])
        crops, names = [], []
        unreadable: list[str] = []
        try:
            for _ in range(self.config.batch_size):
                crop, name = self._crop(rng, unreadable)
                crops.append(crop)
                names.append(name)
        except ConfigError as error:
            return error  # raised in a worker, it would reach the user with torch's traceback
        images = torch.from_numpy(np.stack([crop.image for crop in crops]))
        targets = build_targets(crops, len(self.config.classes))
        return Batch(images, targets, names, unreadable)

    def _crop(self, rng: np.random.Generator, unreadable: list[str]) -> tuple[AnnotatedImage, str]:
        side, augmentation = self.config.crop, self.config.augmentation
        if rng.random() < augmentation.mosaic:
            x, y = (int(share * side) for share in rng.uniform(*MOSAIC_CORNER, 2))
            sizes = [(x, y), (side - x, y), (x, side - y), (side - x, side - y)]
            drawn = [self._part(size, rng, unreadable) for size in sizes]
            crop = mosaic([part for part, _ in drawn], (x, y), side)
            name = " + ".join(each for _, each in drawn)
        else:
            crop, name = self._part((side, side), rng, unreadable)
        if augmentation.paste and rng.random() < augmentation.paste:
            crop, donor = self._paste(crop, rng)
            name += donor and f" < {donor}"
        return replace(crop, image=recolor(crop.image, augmentation, rng)), name

    def _paste(self, crop: AnnotatedImage, rng: np.random.Generator) -> tuple[AnnotatedImage, str]:
        """Pastes vehicles of another image; also returns its name, "" if nothing was pasted."""
        sample, _ = self._draw(rng)
        try:
            image = sample.read()
        except SourceError:
            return crop, ""  # reported when it is drawn for training
        count = int(rng.integers(1, MAX_PASTED + 1))
        cut_outs = cut_out_some(image, self.classes.objects(sample), count, rng)
        return paste(crop, cut_outs, rng), str(sample.path) if cut_outs else ""

    def _draw(self, rng: np.random.Generator) -> tuple[Sample, DataSetConfig]:
        # As rng.choice(n, p=weights), which checks and sums all weights at each draw.
        index = self._cumulated.searchsorted(rng.random(), side="right")
        return self.data.training[index]

    def _part(
        self, size: tuple[int, int], rng: np.random.Generator, unreadable: list[str]
    ) -> tuple[AnnotatedImage, str]:
        augmentation = self.config.augmentation
        for _ in range(MAX_UNREADABLE):
            sample, data_set = self._draw(rng)
            try:
                annotated = self.classes.annotated_image(
                    sample, data_set.max_hidden, with_mask=self.config.masks == "motion"
                )
            except SourceError as error:
                unreadable.append(str(error))
                continue
            low, high = augmentation.scale_range
            scale_range = low * data_set.scale, high * data_set.scale
            crop = random_crop(annotated, size, scale_range, rng, augmentation.flip)
            return crop, str(sample.path)
        raise ConfigError(
            f"{MAX_UNREADABLE} images in a row cannot be read, the last: {unreadable[-1]}"
        )


def load_batches(
    batches: CropBatches, first: int, *, page_locked: bool = False
) -> Generator[Batch, None, None]:
    """Yields batches ``first``, ``first + 1``, … endlessly, prefetched by the config's workers.

    The caller must close the generator: if an error keeps it alive, Python waits for the workers at
    exit.

    Raises:
        ConfigError: The current folder may not be entered; or many images in a row cannot be read,
            raised when their batch is due.
        SpotStreamError: A worker died.
    """
    workers = batches.config.workers
    context = None
    if workers:
        check_current_folder()
        # Forking a process whose libraries run threads may deadlock. The fork server runs none, and
        # its forks do not need to import anything.
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["__main__", __name__])
    loader: DataLoader[Batch | ConfigError] = DataLoader(
        batches,
        batch_size=None,
        sampler=itertools.count(first),
        num_workers=workers,
        worker_init_fn=_begin_worker,
        prefetch_factor=3 if workers else None,
        pin_memory=page_locked,
        multiprocessing_context=context,
    )
    with blocked(*stop_signals()):
        started = iter(loader)
    return _batches(started)


def _batches(items: Iterator[Batch | ConfigError]) -> Generator[Batch, None, None]:
    try:
        for item in items:
            if isinstance(item, ConfigError):
                raise item
            yield item
    except (ConnectionError, EOFError, RuntimeError) as error:
        # The type depends on whether the process was killed before it sent the batch's location.
        if isinstance(error, RuntimeError) and "exited unexpectedly" not in str(error):
            raise
        raise SpotStreamError(
            "a process that makes crops died, perhaps for lack of memory; try fewer: workers"
        ) from error
    finally:
        # The traceback of a worker's error keeps `items` alive, and no signal ends the others.
        end_workers = getattr(items, "_shutdown_workers", None)
        if end_workers is not None:
            end_workers()


def _begin_worker(_: int) -> None:
    """Limits the worker to one thread, leaving the others to training, and ends it with training.

    Torch's own watchdog checks the fork server instead, which lives as long as its workers.
    """
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
