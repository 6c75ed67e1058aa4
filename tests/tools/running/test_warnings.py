import pytest

from pipeline.config_file import load_config
from stages.decoder.locations import SourceSpec, expand_sources
from tools.running.warnings import (
    fixed_in_moving_images,
    named_by_order,
    nothing_to_record,
    run_warnings,
    unknown_in_config,
    without_live_streams,
    without_password,
)

REGIONS = 'detector.ignored={"*": [], north: [[0, 0, 9, 9]], west: [[0, 0, 9, 9]]}'
ZONES = "sink.zones={west: {stop: [[0, 0], [9, 0], [9, 9]]}}"
REGION = "detector.regions={west: [0, 0, 99, 99]}"
LINES = "sink.lines={west: {gate: [0, 0, 9, 9]}, south: {gate: [0, 0, 9, 9]}}"


@pytest.mark.parametrize(
    ("names", "stay", "expected"),
    [
        (["north", "south"], False, "no stream is called west; there are north, south"),
        (["north", "south"], True, "no stream is called west yet; there are north, south"),
        (["north", "south", "west"], False, ""),
        (
            ["north", "south", *"abcdefgh"],
            False,
            "no stream is called west; there are north, south, a, b, c, d, e, f and 2 more",
        ),
    ],
)
def test_regions_lines_and_zones_of_unknown_streams_are_reported(names, stay, expected):
    specs = [SourceSpec(name, f"{name}.mp4") for name in names]
    found = unknown_in_config(specs, load_config(None, [REGIONS, REGION, LINES, ZONES]), stay=stay)
    assert [*found] == (
        [
            ("detector", f"detector.ignored: {expected}"),
            ("detector", f"detector.regions: {expected}"),
            ("sink", f"sink.lines: {expected}"),
            ("sink", f"sink.zones: {expected}"),
        ]
        if expected
        else []
    )


def test_a_run_without_streams_names_those_that_lines_wait_for():
    found = unknown_in_config([], load_config(None, [LINES]), stay=True)
    assert [*found] == [("sink", "sink.lines: no stream is called west, south yet")]


def test_event_pictures_without_lines_or_zones_are_reported():
    pictures = "sink.event_pictures=true"
    message = "sink.event_pictures: no effect without sink.lines or sink.zones"
    for counted, expected in (([], [message]), ([LINES], []), ([ZONES], [])):
        config = load_config(None, [pictures, *counted])
        found = [each.message for each in run_warnings([], [], config, stay=True)]
        assert [each for each in found if "pictures" in each] == expected


def test_lines_zones_and_ground_of_moving_cameras_are_reported():
    moving = "decoder.camera_motion=true"
    for settings, keys in (([LINES, ZONES], "sink.lines and sink.zones"), ([], "")):
        config = load_config(None, [moving, *settings])
        found = [each.message for each in run_warnings([], [], config, stay=True)]
        assert [each.split(":")[0] for each in found if "camera moves" in each] == [keys][
            : len(keys)
        ]
    for settings in ([LINES], [LINES, moving, 'decoder.reference={"*": view.png}']):
        fixed = run_warnings([], [], load_config(None, settings), stay=True)
        assert not [each for each in fixed if "camera moves" in each.message]


@pytest.mark.parametrize(
    ("pictures", "stay", "is_reported"),
    [("north", False, True), ("north", True, True), ("north, south", False, False)],
)
def test_lines_of_every_stream_are_fixed_where_a_stream_has_no_picture(pictures, stay, is_reported):
    reference = ", ".join(f"{name}: view.png" for name in pictures.split(", "))
    config = load_config(
        None,
        [
            "decoder.camera_motion=true",
            'sink.lines={"*": {gate: [0, 0, 9, 9]}}',
            f"decoder.reference={{{reference}}}",
        ],
    )
    specs = [SourceSpec(name, f"{name}.mp4") for name in ("north", "south")]
    assert bool(fixed_in_moving_images(specs, config, stay=stay)) is is_reported
    assert not fixed_in_moving_images(specs[:1], config, stay=False)


def test_a_limit_for_stays_without_zones_is_reported():
    message = "sink.zone_stay_seconds: no effect without sink.zones"
    zero = "sink.zone_stay_seconds=0"
    for counted, expected in (
        ([], [message]),
        ([LINES], [message]),
        ([ZONES], []),
        ([zero], []),
    ):
        config = load_config(None, ["sink.zone_stay_seconds=60", *counted])
        found = [each.message for each in run_warnings([], [], config, stay=True)]
        assert [each for each in found if "stay_seconds" in each] == expected


def test_limits_for_stays_in_unknown_zones_are_reported():
    config = load_config(None, ['sink.zone_stay_seconds={stop: 60, shop: 5, "*": 9}', ZONES])
    found = [each.message for each in run_warnings([], [], config, stay=True)]
    assert "sink.zone_stay_seconds: no zone is called shop" in found


def test_regions_for_the_network_beside_detections_from_a_file_are_reported():
    message = "detector.regions: no effect with detector.detections"
    for given, expected in (([], []), (["detector.detections=found"], [message])):
        config = load_config(None, [REGION, *given])
        found = [each.message for each in run_warnings([], [], config, stay=True)]
        assert [each for each in found if "no effect" in each] == expected


def test_cameras_named_only_by_their_order_are_reported():
    urls = [f"http://host/monitor?channel={number}" for number in (1, 2)]
    assert named_by_order(expand_sources(urls)) == (
        "2 sources are http://host/monitor, and their names, host-monitor, host-monitor-2, depend "
        "on their order; NAME=URL gives each its own"
    )
    assert named_by_order(expand_sources([f"north={urls[0]}", f"south={urls[1]}"])) == ""
    assert named_by_order(expand_sources(urls[:1])) == ""


@pytest.mark.parametrize(
    ("locations", "stay", "expected"),
    [
        (["a.mp4"], False, True),
        (["a.mp4", "rtsp://cam"], False, False),
        (["a.mp4"], True, False),
        ([], True, False),
    ],
)
def test_recording_without_a_live_stream_is_reported(locations, stay, expected):
    specs = [SourceSpec(location, location) for location in locations]
    assert not nothing_to_record(specs, load_config(None), stay=stay)
    config = load_config(None, ["decoder.record=kept"])
    assert ("recorded into kept" in nothing_to_record(specs, config, stay=stay)) == expected


@pytest.mark.parametrize(
    ("location", "settings", "stay", "expected"),
    [
        ("clip.mp4", [], False, ", since none of the sources is a live one"),
        ("clip.mp4", [], True, ""),
        ("clip.mp4", ["runtime.mode=live"], False, ""),
        ("rtsp://a/b", [], False, ""),
        ("rtsp://a/b", ["runtime.mode=lossless"], True, ", since runtime.mode is lossless"),
    ],
)
def test_live_settings_without_live_streams_are_reported(location, settings, stay, expected):
    specs = [SourceSpec("a", location)]
    assert not without_live_streams(specs, load_config(None, settings), stay=stay)
    given = ["sink.overlay_url=rtsp://server", "sink.text_gigabytes=1", *settings]
    found = without_live_streams(specs, load_config(None, given), stay=stay)
    keys = "sink.overlay_url and sink.text_gigabytes"
    assert found == (f"{keys}: no effect{expected}" if expected else "")


@pytest.mark.parametrize(
    ("settings", "keys"),
    [
        (["web=8080", "metrics=localhost:9108"], ""),
        (["web='[::1]:8080'"], ""),
        (["web=0.0.0.0:8080"], "runtime.web"),
        (["web=8080", "metrics='*:9108'"], "runtime.metrics"),
        (["web='[::]:8080'", "metrics=10.0.0.1:9108"], "runtime.web and runtime.metrics"),
        (["web=0.0.0.0:8080", "metrics=0.0.0.0:9108", "http_password=file"], ""),
    ],
)
def test_http_servers_that_other_hosts_reach_without_a_password_are_reported(settings, keys):
    config = load_config(None, [f"runtime.{setting}" for setting in settings])
    message = (
        f"{keys}: other hosts can read this without a password, which runtime.http_password sets"
    )
    assert without_password(config.runtime) == (message if keys else "")
    found = [each.message for each in run_warnings([], [], config, stay=True)]
    assert [each for each in found if "without a password" in each] == [message] * bool(keys)


@pytest.mark.parametrize(
    ("server", "count"), [("web=8080", 0), ("metrics=9108", 0), ("slots=4", 1)]
)
def test_a_password_without_a_server_is_reported(server, count):
    config = load_config(None, ["runtime.http_password=file", f"runtime.{server}"])
    found = [each.message for each in run_warnings([], [], config, stay=True)]
    message = "runtime.http_password: no effect without runtime.web or runtime.metrics"
    assert found.count(message) == count
