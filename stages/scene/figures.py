"""Draws vehicles and people: plain ones in the demo, mostly detailed ones in varied scenes."""

from __future__ import annotations

import numpy as np

from stages.scene.city_buses import make_city_bus
from stages.scene.detailed_cars import make_car
from stages.scene.mesh import Mesh
from stages.scene.people import (
    make_person,
    make_plain_person,
    make_plain_rider,
    make_rider,
    make_tricycle,
)
from stages.scene.plain_vehicles import make_plain_bus, make_plain_car, make_van
from stages.scene.trucks import make_truck
from stages.scene.walkers import RIDING, Walker

CLASS_NAMES = ("car", "van", "truck", "bus")


def draw_vehicle(rng: np.random.Generator, kind: int, varied: bool) -> Mesh:
    """Returns a vehicle of the class ``kind``, an index into `CLASS_NAMES`."""
    if varied and CLASS_NAMES[kind] == "bus":
        return make_city_bus(rng)
    if varied and CLASS_NAMES[kind] == "car" and rng.random() < 0.85:
        return make_car(rng)
    return (make_plain_car, make_van, make_truck, make_plain_bus)[kind](rng)


def draw_rider(rng: np.random.Generator, varied: bool, rain: bool) -> Mesh:
    """Returns a rider on two or three wheels."""
    if not varied:
        return make_plain_rider(rng)
    return make_tricycle(rng) if rng.random() < 0.25 else make_rider(rng, rain)


def draw_walker(rng: np.random.Generator, walker: Walker, varied: bool, rain: bool) -> Mesh:
    """Returns a person on foot, or a rider if the walker is faster than `RIDING`."""
    if walker.speed > RIDING:
        return draw_rider(rng, varied, rain)
    return make_person(rng, rain) if varied else make_plain_person(rng)
