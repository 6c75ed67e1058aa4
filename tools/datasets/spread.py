"""A few samples that represent all."""

from __future__ import annotations

from collections.abc import Sequence

from tools.datasets.sample import Sample


def spread_samples(samples: Sequence[Sample], count: int) -> list[Sample]:
    """At most ``count`` samples, from as many scenes and as far apart in them as possible.

    Samples without boxes are taken only where there are not enough others. Deterministic.
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
    """At most ``count`` indices below ``length``, each in the middle of an equal part."""
    if count >= length:
        return list(range(length))
    return [int((position + 0.5) * length / count) for position in range(count)]
