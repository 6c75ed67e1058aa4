"""Chooses a few samples that represent all."""

from __future__ import annotations

from collections.abc import Sequence

from tools.datasets.sample import Sample


def spread_samples(samples: Sequence[Sample], count: int) -> list[Sample]:
    """Returns at most ``count`` samples, from as many scenes and as far apart in them as possible.

    Samples without boxes are used only if there are not enough others. The choice is deterministic.
    """
    annotated = [sample for sample in samples if len(sample.boxes)]
    scenes: dict[str, list[Sample]] = {}
    for sample in annotated if len(annotated) >= count else samples:
        scenes.setdefault(sample.scene, []).append(sample)
    chosen = [list(scenes)[index] for index in _evenly(len(scenes), count)]
    quotas = dict.fromkeys(chosen, 0)
    left = min(count, sum(len(scenes[name]) for name in chosen))
    while left > 0:
        for name in chosen:
            if left > 0 and quotas[name] < len(scenes[name]):
                quotas[name] += 1
                left -= 1
    return [
        scenes[name][index]
        for name, quota in quotas.items()
        for index in _evenly(len(scenes[name]), quota)
    ]


def _evenly(length: int, count: int) -> list[int]:
    """Returns at most ``count`` indices below ``length``, each at the centre of an equal part."""
    if count >= length:
        return list(range(length))
    return [int((position + 0.5) * length / count) for position in range(count)]
