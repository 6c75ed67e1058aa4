from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from pipeline.config import SinkConfig
from pipeline.config_file import load_config
from pipeline.sink_options import sink_options
from stages.errors import ConfigError
from stages.sink.encoders import DEVICES, PRESETS
from stages.sink.options import SinkOptions


def test_off_needs_no_quotes(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("decoder: {hardware: off}\n")
    assert load_config(path, ["sink.overlay_hardware=off"]) == load_config(Path("intersection"))


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("runtime.slot=6", "unknown key runtime.slot; allowed here: mode, slots"),
        ("runtime.slots=1", "runtime.slots: .* got 1"),
        ("decoder.frame_rate=0", "decoder.frame_rate: must be a number or fraction"),
        ("runtime.metrics=here", "runtime.metrics: .*PORT or HOST:PORT"),
        ("runtime.metrics=²", "runtime.metrics: .*PORT or HOST:PORT"),
        ("detector.min_score=yes", "--set: detector.min_score: must be a number, got True"),
        ("slots", "needs key.path=value"),
        ("sink.crf=[", "sink.crf: '\\[' is not valid YAML"),
        ("detector=5", r"--set: detector: must hold keys and values, got 5$"),
        ("detector=[1]", r"detector: must hold keys and values, got \[1\]$"),
        ("tracker.settings=5", r"tracker.settings: must hold keys and values, got 5$"),
        ("detector.weights=5", r"detector.weights: must be a path, got 5$"),
        ("detector.settings.size=640", "detector: settings need name: they are those of a class"),
        (
            "detector={name: own:Yolo, weights: nano}",
            "detector: weights must be null, since name is",
        ),
        ("detector={name: own:Yolo, device: cuda}", "detector: device must be auto, since name is"),
        ("tracker.name=srt", "tracker: unknown tracker 'srt'; the trackers are bytetrack, ocsort"),
        ("tracker.settings.age=1", "tracker 'sort' has no setting 'age'; its settings are max_age"),
        ("tracker.settings.name=sort", "tracker 'sort' has no setting 'name'"),
        ("tracker.settings.max_age=[1]", r"max_age must be a whole number .*, got \[1\]"),
        ("tracker.settings.max_age=x", "max_age must be a whole number of at least 0, got 'x'"),
    ],
)
def test_invalid_setting_is_named(override, message):
    with pytest.raises(ConfigError, match=message):
        load_config(None, [override])


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("rtsp://me:s3cret@camera/live", "a valid number, .*, got 'rtsp://camera/live'$"),
        ("[rtsp://me:s3cret@camera/live]", "a valid number$"),
    ],
)
def test_password_in_the_wrong_setting_is_not_shown(value, message):
    with pytest.raises(ConfigError, match=message):
        load_config(None, [f"decoder.timeout={value}"])


def test_last_frame_is_not_before_the_first():
    assert load_config(None, ["decoder.first_frame=5", "decoder.last_frame=5"])
    with pytest.raises(ConfigError) as error:
        load_config(None, ["decoder.first_frame=10", "decoder.last_frame=5"])
    assert str(error.value) == (
        "--set: decoder: last_frame must not be less than first_frame, 10, got 5"
    )


def test_tracker_given_as_a_value_is_refused(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("tracker: sort\n")
    with pytest.raises(ConfigError, match=r"--set tracker\.name: tracker holds a value"):
        load_config(path, ["tracker.name=ocsort"])
    with pytest.raises(ConfigError, match="tracker: "):
        load_config(path)
    assert load_config(path, ["tracker={name: ocsort}"]).tracker.name == "ocsort"


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["runtime.publish=tcp://0.0.0.0:5560"], "other hosts: it needs publish_key"),
        (["runtime.publish=tcp://[::]:5560", "runtime.publish_key=a"], "belong together"),
        (["runtime.publish=127.0.0.1:5560"], "must begin with tcp:// or ipc://"),
        (["runtime.publish=tcp://127.0.0.1:*"], "publish must end with a port, as "),
        (["runtime.publish=tcp://127.0.0.1"], r"publish must end with a port, .* got tcp://127"),
    ],
)
def test_invalid_publish_address_is_refused(overrides, message):
    with pytest.raises(ConfigError, match=message) as error:
        load_config(None, overrides)
    assert "{" not in str(error.value)
    assert load_config(None, ["runtime.publish=tcp://127.0.0.1:5560"]).runtime.publish


@pytest.mark.parametrize(
    "key", ["sink.overlay_gigabytes", "sink.overlay_minutes", "decoder.record_gigabytes"]
)
def test_infinite_number_is_refused(key):
    with pytest.raises(ConfigError, match=rf"{key}: Input should be a finite number, got inf"):
        load_config(None, [f"{key}=.inf"])


@pytest.mark.parametrize("key", ["detector.settings", "tracker.settings"])
@pytest.mark.parametrize(
    ("value", "got"),
    [
        (".inf", "inf"),
        ("2026-01-02", r"datetime\.date\(2026, 1, 2\)"),
        ("{on: [.nan]}", r"\{'on': \[nan\]\}"),
    ],
)
def test_settings_that_a_stage_would_not_get_unchanged_are_refused(key, value, got):
    message = f"--set: {key}: since must be made of finite numbers, text, .*, got {got}"
    with pytest.raises(ConfigError, match=message):
        load_config(None, ["detector.name=own:Own", f"{key}.since={value}"])


def test_config_choices_match_those_of_the_sink():
    hints = get_type_hints(SinkConfig)
    assert get_args(hints["overlay_preset"]) == PRESETS
    assert get_args(hints["overlay_hardware"]) == ("off", "auto", *DEVICES)


@pytest.mark.parametrize(
    ("given", "live"),
    [
        ([], {"overlay_minutes": 10, "overlay_gigabytes": 10, "text_minutes": 60}),
        (
            ["overlay_minutes=0", "overlay_gigabytes=0", "text_minutes=0"],
            {"overlay_minutes": 0, "overlay_gigabytes": 0, "text_minutes": 0},
        ),
        (
            [
                "overlay_minutes=2.5",
                "overlay_gigabytes=0.5",
                "text_minutes=7",
                "text_gigabytes=3",
                "event_gigabytes=4",
            ],
            {
                "overlay_minutes": 2.5,
                "overlay_gigabytes": 0.5,
                "text_minutes": 7,
                "text_gigabytes": 3,
                "event_gigabytes": 4,
            },
        ),
    ],
)
def test_live_results_are_written_in_parts_by_default(given, live):
    config = load_config(None, ["sink.overlay_trail=9", *(f"sink.{each}" for each in given)])
    live = {"event_gigabytes": 1.0} | live
    limits = dict.fromkeys(("overlay_gigabytes", "text_gigabytes", "event_gigabytes"), 0)
    lossless = live | limits if given else {}
    for is_live, expected in ((False, lossless), (True, live)):
        options = sink_options(config, "north", live=is_live)
        assert options == SinkOptions(**expected, overlay_trail=9)


@pytest.mark.parametrize(
    "given",
    [
        "decoder.first_frame=0",
        "decoder.every=0",
        "sink.overlay_crf=52",
        "sink.overlay_height=63",
        "sink.overlay_trail=-1",
        "sink.overlay_min_score=1.5",
        "sink.zone_stay_seconds=-1",
        "sink.zone_stay_seconds={queue: -1}",
    ],
)
def test_a_number_beyond_its_limit_is_refused(given):
    with pytest.raises(ConfigError, match=given.split("=")[0]):
        load_config(None, [given])
