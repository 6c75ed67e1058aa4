"""The training loop of the compact model: a wall-clock budget, EMA weights, AP on unseen scenes."""

from __future__ import annotations

import copy
import csv
import logging
import math
import queue
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from stages.detector.network_detector import fast_dtype
from stages.detector.peaks import decode_peaks
from stages.detector.preprocessing import input_geometry, network_input, normalise
from stages.detector.spotnet import SpotNet, channels_last, save_checkpoint
from tools.evaluation.detection import average_precision
from tools.training.augmentation import random_crop
from tools.training.coco import Sample, load_samples
from tools.training.config import TrainingConfig
from tools.training.losses import TERM_WEIGHTS, spotnet_loss
from tools.training.rendered import rendered_samples
from tools.training.targets import Targets, build_targets

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """Where the weights lie and how they score: AP at IoU 0.5 and 0.7 by data set."""

    weights: Path
    steps: int
    scores: dict[str, dict[str, float]]


def train(config: TrainingConfig) -> TrainingResult:
    """Trains for ``config.minutes`` and writes ``weights.safetensors`` and ``log.csv``.

    Raises:
        ConfigError: A data set is missing or broken.
        FloatingPointError: The loss is not finite; nothing is overwritten.
    """
    torch.manual_seed(config.seed)
    if config.threads:
        torch.set_num_threads(config.threads)
    training, weights, validation = _split(config)
    log.info("%d training and %d validation images", len(training), len(validation))
    model = channels_last(SpotNet.compact(**config.model)).train()
    average = copy.deepcopy(model).eval()
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
    )
    config.output.mkdir(parents=True, exist_ok=True)
    started, budget = time.monotonic(), config.minutes * 60
    step = 0
    half = fast_dtype(torch.device("cpu")) is torch.bfloat16
    with (config.output / "log.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["step", "seconds", "total", *TERM_WEIGHTS])
        for images, targets in _batches(training, weights, config):
            progress = (time.monotonic() - started) / budget
            if progress >= 1:
                break
            for group in optimizer.param_groups:
                group["lr"] = config.learning_rate * schedule(progress, config.warmup)
            with torch.autocast("cpu", torch.bfloat16, enabled=half):
                outputs = model(normalise(images))
            terms = spotnet_loss(outputs, targets)
            if not torch.isfinite(terms["total"]):
                raise FloatingPointError(f"the loss is not finite at step {step}: {terms}")
            optimizer.zero_grad(set_to_none=True)
            terms["total"].backward()
            nn.utils.clip_grad_norm_(model.parameters(), 10.0)
            optimizer.step()
            _update_average(average, model, min(config.ema_decay, (1 + step) / (10 + step)))
            step += 1
            if step % 50 == 0:
                values = [terms[name].item() for name in ("total", *TERM_WEIGHTS)]
                seconds = time.monotonic() - started
                writer.writerow([step, f"{seconds:.0f}", *(f"{v:.4f}" for v in values)])
                file.flush()
                log.info("step %d, %.0f s, loss %.3f (centre %.3f)", step, seconds, *values[:2])
            if step % 250 == 0:
                save_checkpoint(average, config.output / "last.safetensors")
    weights_path = config.output / "weights.safetensors"
    save_checkpoint(average, weights_path)
    return TrainingResult(weights_path, step, evaluate(average, validation, config))


def schedule(progress: float, warmup: float) -> float:
    """Share of the peak learning rate at ``progress`` in [0, 1): linear warm-up, then cosine."""
    if progress < warmup:
        return max(0.02, progress / warmup)
    return 0.01 + 0.99 * (1 + math.cos(math.pi * (progress - warmup) / (1 - warmup))) / 2


def evaluate(
    model: SpotNet, samples: list[Sample], config: TrainingConfig
) -> dict[str, dict[str, float]]:
    """AP50 and AP70 by data set on whole images."""
    network = channels_last(model.fused())
    scores: dict[str, dict[str, float]] = {}
    for data_set in sorted({sample.data_set for sample in samples}):
        chosen = [sample for sample in samples if sample.data_set == data_set]
        scale = config.validation_scale.get(data_set, network.config.scale)
        found = [_detect(network, sample, scale) for sample in chosen]
        boxes, confidences = [f[0] for f in found], [f[1] for f in found]
        truth = [sample.boxes for sample in chosen]
        scores[data_set] = {
            f"AP{round(iou * 100)}": average_precision(truth, boxes, confidences, iou)
            for iou in (0.5, 0.7)
        }
    return scores


@torch.inference_mode()
def _detect(network: SpotNet, sample: Sample, scale: float) -> tuple[np.ndarray, np.ndarray]:
    geometry = input_geometry(sample.image.shape[0], sample.image.shape[1], network.config, scale)
    images = normalise(network_input([sample.image], geometry))
    peaks = decode_peaks(network(images)[-1])
    boxes = peaks.boxes[0].numpy() / np.array([geometry.scale_x, geometry.scale_y] * 2, np.float32)
    return boxes, peaks.scores[0].numpy()


def _split(config: TrainingConfig) -> tuple[list[Sample], np.ndarray, list[Sample]]:
    training, weights, validation = [], [], []
    for data_set in config.data:
        samples = load_samples(data_set)
        chosen = [sample for sample in samples if sample.scene not in data_set.held_out]
        validation += [sample for sample in samples if sample.scene in data_set.held_out]
        training += chosen
        weights.append(data_set.share * draw_weights(chosen))
    if config.rendered:
        chosen = rendered_samples(config.rendered, 1000)
        training += chosen
        weights.append(config.rendered_share * draw_weights(chosen))
        validation += rendered_samples(max(1, config.rendered // 10), 0)
    joined = np.concatenate(weights)
    return training, joined / joined.sum(), validation


def draw_weights(samples: list[Sample]) -> np.ndarray:
    """How likely each image of a data set is drawn: ``(N,)``, sum 1.

    A scene weighs as the square root of its images, so that a camera with a hundred
    near-duplicates does not crowd out the one with five.
    """
    counts = Counter(sample.scene for sample in samples)
    weights = np.array([counts[sample.scene] ** -0.5 for sample in samples])
    return np.asarray(weights / weights.sum())


def _batches(
    samples: list[Sample], weights: np.ndarray, config: TrainingConfig
) -> Iterator[tuple[Tensor, Targets]]:
    """Endless batches, made in a thread of their own while the network computes."""
    ready: queue.Queue[tuple[Tensor, Targets]] = queue.Queue(maxsize=6)
    stop = threading.Event()

    def produce() -> None:
        rng = np.random.default_rng(config.seed)
        while not stop.is_set():
            chosen = rng.choice(len(samples), config.batch_size, p=weights)
            crops = [random_crop(samples[i], config.crop, config.scale_range, rng) for i in chosen]
            images = torch.from_numpy(np.stack([image for image, _ in crops]))
            batch = images, build_targets([boxes for _, boxes in crops], config.crop)
            while not stop.is_set():
                try:
                    ready.put(batch, timeout=0.2)
                    break
                except queue.Full:
                    continue

    threading.Thread(target=produce, name="batches", daemon=True).start()
    try:
        while True:
            yield ready.get()
    finally:
        stop.set()


@torch.no_grad()
def _update_average(average: nn.Module, model: nn.Module, decay: float) -> None:
    for kept, new in zip(average.state_dict().values(), model.state_dict().values(), strict=True):
        if kept.is_floating_point():
            kept.lerp_(new, 1 - decay)
        else:
            kept.copy_(new)
