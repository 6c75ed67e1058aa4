"""The order in which solid objects are painted, so that near ones hide far ones."""

from __future__ import annotations

import heapq

import numpy as np

from stages.records import BoolArray, Float64Array


def paint_order(
    camera: Float64Array, poses: Float64Array, half_sizes: Float64Array, boxes: Float64Array
) -> list[int]:
    """Orders objects far to near, exactly for upright ones whose footprints do not overlap.

    If a footprint lies beyond a side of another one, that side's plane separates them: only the one
    on the camera's side can hide the other. Where this leaves the order open, distance decides.

    Args:
        camera: ``(2,)`` ground point below the camera, metres.
        poses: ``(N, 3)`` x, y in metres and heading in radians.
        half_sizes: ``(N, 2)`` half length and half width, metres.
        boxes: ``(N, 4)`` image boxes; only objects that overlap in the image need an order.

    Returns:
        Indices in painting order.
    """
    cannot_hide = _cannot_hide(camera, poses, half_sizes)
    overlap = (
        (boxes[:, None, 0] < boxes[None, :, 2])
        & (boxes[None, :, 0] < boxes[:, None, 2])
        & (boxes[:, None, 1] < boxes[None, :, 3])
        & (boxes[None, :, 1] < boxes[:, None, 3])
    )
    after = ~cannot_hide & cannot_hide.T & overlap
    np.fill_diagonal(after, False)
    return _sort(after, np.hypot(poses[:, 0] - camera[0], poses[:, 1] - camera[1]))


def _cannot_hide(camera: Float64Array, poses: Float64Array, half_sizes: Float64Array) -> BoolArray:
    """Returns at ``[i, j]`` whether a side's plane shows that i cannot hide j."""
    cos, sin = np.cos(poses[:, 2]), np.sin(poses[:, 2])
    axes = np.stack([np.stack([cos, sin], -1), np.stack([-sin, cos], -1)], 1)  # (N, axis, xy)
    # Every footprint's centre and half extent along every footprint's axes.
    along = np.einsum("iaz,jz->ija", axes, poses[:, :2])
    center = along - np.einsum("iia->ia", along)[:, None]
    turned = np.abs(np.einsum("iaz,jbz->ijab", axes, axes))
    extent = np.einsum("ijab,jb->ija", turned, half_sizes)
    eye = np.einsum("iaz,iz->ia", axes, camera - poses[:, :2])[:, None]
    own = half_sizes[:, None]
    cannot_hide = np.zeros((len(poses), len(poses)), dtype=bool)
    for sign in (1.0, -1.0):
        beyond = sign * center - extent >= own - 1e-6
        eye_beyond = sign * eye > own
        cannot_hide |= (beyond & eye_beyond).any(axis=-1)
        cannot_hide |= (beyond & ~eye_beyond).any(axis=-1).T
    return cannot_hide


def _sort(after: BoolArray, distance: Float64Array) -> list[int]:
    """Returns a topological order, with i after j where ``after[i, j]``, else far before near."""
    count = len(after)
    waiting = after.sum(axis=1)
    followers = [np.flatnonzero(after[:, j]) for j in range(count)]
    heap = [(-distance[i], i) for i in range(count) if not waiting[i]]
    heapq.heapify(heap)
    order: list[int] = []
    while heap:
        i = heapq.heappop(heap)[1]
        order.append(i)
        for j in followers[i]:
            waiting[j] -= 1
            if not waiting[j]:
                heapq.heappush(heap, (-distance[j], int(j)))
    if len(order) < count:  # a cycle of objects, each before the next: distance decides
        rest = set(range(count)) - set(order)
        order += sorted(rest, key=lambda i: -distance[i])
    return order
