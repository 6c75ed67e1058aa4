"""Lenses found from straight edges."""

from __future__ import annotations

import numpy as np
import pytest

from stages.records import Float64Array
from stages.sink.lens import Edge, Lens, LensEdges, checked_edges, lens_faults

SIZE = 1920, 1080
BARREL, PINCUSHION = -0.2, 0.15
LINES = [
    ((200, 260), (1760, 200)),
    ((260, 850), (1700, 900)),
    ((380, 160), (300, 900)),
]


def bent(strength: float, points: Float64Array) -> Float64Array:
    """Distorts points ``(N, 2)`` of a straight picture, by steps: ``r = s (1 + strength r²)``."""
    center = np.array(SIZE) / 2
    straight = (points - center) / np.linalg.norm(center)
    found = straight.copy()
    for _ in range(500):
        found += straight * (1 + strength * (found**2).sum(axis=1, keepdims=True))
        found /= 2
    return np.asarray(found * np.linalg.norm(center) + center, np.float64)


def edges_of(strength: float, noise: float = 0, count: int = 7) -> tuple[Edge, ...]:
    rng = np.random.default_rng(3)
    edges = []
    for start, end in LINES:
        points = bent(strength, np.linspace(start, end, count))
        points += rng.normal(0, noise, points.shape) if noise else 0
        edges.append(tuple((x, y) for x, y in points.clip(0, SIZE).tolist()))
    return tuple(edges)


@pytest.mark.parametrize("strength", [BARREL, 0.0, PINCUSHION])
@pytest.mark.parametrize("count", [3, 7])
def test_lens_is_found_from_straight_edges(strength: float, count: int) -> None:
    lens = Lens(LensEdges(SIZE, edges_of(strength, count=count)))
    assert lens.strength == pytest.approx(strength, abs=1e-4)
    pixels = np.array([[960.0, 540.0], [1200, 300], [250, 140], [100, 1000]])
    assert lens.undistorted(bent(strength, pixels)) == pytest.approx(pixels, abs=0.5)
    assert lens.distorted(lens.undistorted(pixels)) == pytest.approx(pixels, abs=1e-6)


def test_clicked_edges_give_the_lens_to_a_few_pixels() -> None:
    lens = Lens(LensEdges(SIZE, edges_of(BARREL, noise=1)))
    corners = np.array([[100.0, 100], [1800, 100], [1800, 980]])
    exact = Lens(LensEdges(SIZE, edges_of(BARREL)))
    errors = np.linalg.norm(lens.undistorted(corners) - exact.undistorted(corners), axis=1)
    moved = np.linalg.norm(exact.undistorted(corners) - corners, axis=1)
    assert errors.max() < 8
    assert moved.min() > 100


def test_curves_pass_through_the_points_of_their_edges() -> None:
    edges = edges_of(BARREL)
    lens = Lens(LensEdges(SIZE, edges))
    for edge in edges:
        curve = lens.curve(edge, 500)
        apart = np.linalg.norm(np.array(edge)[:, None] - curve, axis=2).min(axis=1)
        assert apart.max() < 3  # half a step
        ends = sorted(curve[[0, -1]].tolist())
        assert np.array(ends) == pytest.approx(np.array(sorted([edge[0], edge[-1]])), abs=1)


def test_pixels_that_a_lens_cannot_show_have_no_place() -> None:
    lens = Lens(LensEdges(SIZE, edges_of(PINCUSHION)))
    assert np.isnan(lens.distorted(np.array([[9000.0, 9000.0]]))).all()
    # Beyond this, the model would turn back: farther pixels would move nearer.
    turn = np.array([[960 + 1101 / np.sqrt(PINCUSHION) * share, 540] for share in (0.98, 1.02)])
    assert np.isnan(lens.undistorted(turn)).any(axis=1).tolist() == [False, True]
    wide = Lens(LensEdges(SIZE, edges_of(-0.5)))
    assert np.isnan(wide.undistorted(np.array([[3000.0, 3000.0]]))).all()
    assert not np.isnan(wide.undistorted(np.array([[0.0, 0.0], [1920.0, 1080.0]]))).any()


EDGES = [[list(point) for point in edge] for edge in edges_of(BARREL)]


@pytest.mark.parametrize(
    ("lens", "message"),
    [
        (None, r"a lens is \{size: \[width, height\], straight"),
        ({"size": SIZE}, "a lens is"),
        ({"size": SIZE, "straight": EDGES, "k": 1}, "a lens is"),
        ({"size": SIZE, "straight": []}, "a lens is"),
        ({"size": SIZE, "straight": EDGES[0]}, "a lens is .*; an edge is"),
        ({"size": [1920], "straight": EDGES}, "size must be the width and height"),
        ({"size": [1920, 1e12], "straight": EDGES}, "size must be the width and height"),
        ({"size": [1920, 0], "straight": EDGES}, "size must be the width and height"),
        ({"size": [1920, 1080.5], "straight": EDGES}, "size must be the width and height"),
        ({"size": SIZE, "straight": [EDGES[0][:2]]}, "an edge needs 3 different points or more"),
        ({"size": SIZE, "straight": [[*EDGES[0][:2], EDGES[0][0]]]}, "an edge needs 3 different"),
        ({"size": (640, 360), "straight": EDGES}, "lies outside frames of 640x360"),
        ({"size": SIZE, "straight": [[[0, 540], [960, 540], [1900, 540]]]}, "do not determine"),
        ({"size": SIZE, "straight": [[[100, 90], [130, 90], [160, 90]]]}, "do not determine"),
        (
            {
                "size": SIZE,
                "straight": [*EDGES, [[200, 200], [900, 500], [1500, 200], [1700, 150]]],
            },
            r"pixels off; they agree best without the edge from \[200, 200\]",
        ),
        (
            {"size": SIZE, "straight": [[[100, 1000], [700, 250], [1220, 250], [1820, 1000]]]},
            r"no lens makes the edges straight: a point is 393\.3 pixels off$",
        ),
        ({"size": SIZE, "straight": edges_of(-0.8)}, "bent more than by any lens"),
    ],
)
def test_edges_that_give_no_lens_are_refused(lens: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Lens(checked_edges(lens))


def test_frames_of_another_size_are_reported() -> None:
    lens = checked_edges({"size": SIZE, "straight": EDGES})
    assert list(lens_faults(lens, 1080, 1920)) == []
    assert list(lens_faults(None, 1080, 1920)) == []
    assert list(lens_faults(lens, 540, 960)) == [
        "ground: its lens is that of frames of 1920x1080, but these have 960x540"
    ]
