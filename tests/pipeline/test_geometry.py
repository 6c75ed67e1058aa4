import json
from pathlib import Path

import pytest

from pipeline.config import to_plain
from pipeline.config_file import load_config
from pipeline.geometry import ignored_in, region_of, shapes_of
from pipeline.sink_options import sink_options
from stages.errors import ConfigError
from stages.sink.ground import Ground
from stages.sink.lens import LensEdges

LINES = "lines have the form stream: {line: [x1, y1, x2, y2], …}"
ZONES = "zones have the form stream: {zone: [[x1, y1], [x2, y2], [x3, y3], …], …}"
GROUND = "the ground has the form stream: [[x, y, metres x, metres y], …]"
REGIONS = "regions have the form stream: [[left, top, right, bottom], …]"
REGION = "a region has the form stream: [left, top, right, bottom]"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("sink.lines=[0, 5, 9, 5]", f"sink.lines: {LINES}, got [0, 5, 9, 5]"),
        ("sink.lines={gate: [0, 5, 9, 5]}", f"sink.lines.gate: {LINES}, got [0, 5, 9, 5]"),
        ("sink.lines.gate=[0, 5, 9, 5]", f"sink.lines.gate: {LINES}, got [0, 5, 9, 5]"),
        ("sink.zones=[[0, 5], [9, 5]]", f"sink.zones: {ZONES}, got [[0, 5], [9, 5]]"),
        ("sink.zones.gate=[[0, 5]]", f"sink.zones.gate: {ZONES}, got [[0, 5]]"),
        (
            "sink.zones.north={stop: [[0, 0], [9, 9], [0, 9, 5]]}",
            "sink.zones.north.stop: a zone is [[x, y], [x, y], [x, y], …], corners that enclose an "
            "area, got [[0, 0], [9, 9], [0, 9, 5]]",
        ),
        ("sink.ground=[[0, 0, 0, 0]]", f"sink.ground: {GROUND}, got [[0, 0, 0, 0]]"),
        (
            "sink.ground={north: [[0, 0, 0, 0], [9, 0, 9, 0], [0, 9, 0, 9]]}",
            "sink.ground.north: the ground is [[x, y, metres x, metres y], …], four points of it "
            "or more, or {points: [[…], …], lens: {…}}, got [[0, 0, 0, 0], [9, 0, 9, 0], [0, 9, 0, "
            "9]]",
        ),
        (
            "sink.zone_stay_seconds=[5]",
            "sink.zone_stay_seconds: must be seconds, or have the form zone: seconds, got [5]",
        ),
        (
            "sink.ground={north: {points: [[0, 0, 0, 0]], lense: 5}}",
            "sink.ground.north: the ground is [[x, y, metres x, metres y], …], four points of it "
            "or more, or {points: [[…], …], lens: {…}}",
        ),
        ("detector.ignored=[[0, 0, 9, 9]]", f"detector.ignored: {REGIONS}, got [[0, 0, 9, 9]]"),
        ("detector.ignored={a: 5}", f"detector.ignored.a: {REGIONS}, got 5"),
        ("detector.ignored={a: [0, 0, 9, 9]}", f"detector.ignored.a.0: {REGIONS}, got 0"),
        (
            "detector.ignored={a: [[0, 0, 9, 9], [0, 0, 9]]}",
            f"detector.ignored.a.1: {REGIONS}, got [0, 0, 9]",
        ),
        (
            "detector.ignored={a: [[0, 0, 9, 1e308]]}",
            "detector.ignored.a.0.3: Input should be less than or equal to 1000000000, got 1e+308",
        ),
        ("detector.regions=[0, 0, 9, 9]", f"detector.regions: {REGION}, got [0, 0, 9, 9]"),
        (
            "detector.regions={a: [[0, 0, 9, 9]]}",
            f"detector.regions.a: {REGION}, got [[0, 0, 9, 9]]",
        ),
    ],
)
def test_malformed_region_line_zone_or_ground_is_reported(override, message):
    with pytest.raises(ConfigError) as error:
        load_config(Path("intersection"), [override])
    assert str(error.value) == f"--set: {message}"


@pytest.mark.parametrize("line", ["[9, 0, 9, 0]", "[0, 5, 9, .nan]", "[0, 5, 9]", "'0159'"])
def test_line_without_two_ends_is_refused(line):
    with pytest.raises(
        ConfigError,
        match=r"lines\.north\.gate: a line is \[x1, y1, x2, y2\] with two different ends, got",
    ):
        load_config(None, [f"sink.lines.north={{stop: [0, 0, 9, 9], gate: {line}}}"])


def test_line_name_may_be_a_number():
    lines = load_config(None, ["sink.lines={1: {2: [0, 0, 9, 9], a b: [1, 1, 9, 9]}}"]).sink.lines
    assert lines == {"1": {"2": (0, 0, 9, 9), "a b": (1, 1, 9, 9)}}


@pytest.mark.parametrize("name", ["''", "'a, b'", "'\"a\"'", '"a\\nb"', "' a'", "'a '"])
def test_line_name_that_does_not_fit_a_column_is_refused(name):
    with pytest.raises(ConfigError, match="must be a name without commas and quotes"):
        load_config(None, [f"sink.lines={{north: {{{name}: [0, 0, 9, 9]}}}}"])


@pytest.mark.parametrize("region", [[9, 0, 9, 9], [0, 5, 9, 4]])
def test_region_without_area_is_refused(region):
    with pytest.raises(
        ConfigError, match=r"ignored\.north: a region is \[left, top, right, bottom"
    ):
        load_config(
            None, ["detector.ignored.south=[[0, 0, 9, 9]]", f"detector.ignored.north=[{region}]"]
        )
    with pytest.raises(ConfigError, match=r"regions\.north: a region is \[left, top, right, bot"):
        load_config(None, [f"detector.regions={{south: [0, 0, 9, 9], north: {region}}}"])


def test_shapes_for_all_streams_are_merged_with_each_streams_own():
    config = load_config(
        None,
        [
            'sink.lines={"*": {in: [0, 9, 9, 9], out: [0, 5, 9, 5]}, south: {out: [0, 7, 9, 7]}}',
            'sink.zones={"*": {stop: [[0, 0], [9, 0], [9, 9]]}}',
            "sink.zones.south={on: [[0, 0], [9, 0], [0, 9]]}",
            'detector.ignored={"*": [[0, 0, 9, 9]], south: [[5, 5, 9, 9]]}',
        ],
    )
    assert sink_options(config, "north", live=False).lines == {
        "in": (0, 9, 9, 9),
        "out": (0, 5, 9, 5),
    }
    assert shapes_of(config.sink.lines, "south") == {"in": (0, 9, 9, 9), "out": (0, 7, 9, 7)}
    stop, on = ((0, 0), (9, 0), (9, 9)), ((0, 0), (9, 0), (0, 9))
    assert sink_options(config, "north", live=True).zones == {"stop": stop}
    assert shapes_of(config.sink.zones, "south") == {"stop": stop, "on": on}
    assert ignored_in(config.detector.ignored, "north") == [(0, 0, 9, 9)]
    assert ignored_in(config.detector.ignored, "south") == [(0, 0, 9, 9), (5, 5, 9, 9)]


def test_limits_of_stays_are_those_of_the_streams_zones():
    zones = (
        'sink.zones={"*": {stop: [[0, 0], [9, 0], [9, 9]]}, south: {on: [[0, 0], [9, 0], [0, 9]]}}'
    )
    for limits, expected in (
        ("60", {"stop": 60, "on": 60}),
        ("0", {}),
        ("{on: 5.5, shop: 3}", {"on": 5.5}),
        ('{on: 5, "*": 9}', {"stop": 9, "on": 5}),
        ('{on: 0, "*": 9}', {"stop": 9}),
    ):
        config = load_config(None, [zones, f"sink.zone_stay_seconds={limits}"])
        assert sink_options(config, "south", live=False).zone_stay_seconds == expected
        assert sink_options(config, "north", live=False).zone_stay_seconds.keys() <= {"stop"}


def test_own_region_of_a_stream_replaces_that_for_all_streams():
    config = load_config(None, ["detector.regions={'*': [0, 0, 9, 9], south: [5, 5, 9, 9]}"])
    found = [region_of(config.detector.regions, name) for name in ("north", "south")]
    assert found == [(0, 0, 9, 9), (5, 5, 9, 9)]
    assert region_of({"south": (0, 0, 9, 9)}, "north") is None


def test_lens_comes_with_the_ground_points():
    points = [[100, 100, 0, 0], [900, 100, 16, 0], [900, 400, 16, 6], [100, 400, 0, 6]]
    edge = [[50, 60], [500, 50], [950, 60]]
    ground = {"points": points, "lens": {"size": [1000, 500], "straight": [edge]}}
    config = load_config(None, [f"sink.ground={{north: {json.dumps(ground)}}}"])
    found = sink_options(config, "north", live=False).ground
    assert found.points == tuple(map(tuple, points))
    assert found.lens == LensEdges((1000, 500), (tuple(map(tuple, edge)),))
    assert to_plain(config)["sink"]["ground"]["north"] == ground
    ground["lens"]["size"] = [900, 500]
    with pytest.raises(ConfigError, match=r"sink.ground.north: an edge lies outside .* 900x500"):
        load_config(None, [f"sink.ground={{north: {json.dumps(ground)}}}"])


def test_own_ground_of_a_stream_replaces_that_for_all_streams():
    one = [[0, 0, 0, 0], [100, 0, 10, 0], [100, 90, 10, 9], [0, 90, 0, 9]]
    other = [[2 * value for value in point] for point in one]
    config = load_config(None, [f"sink.ground={{'*': {one}, south: {other}}}"])
    grounds = [sink_options(config, name, live=True).ground for name in ("north", "south")]
    assert grounds == [Ground(tuple(map(tuple, each))) for each in (one, other)]
    assert sink_options(load_config(None), "north", live=True).ground is None
