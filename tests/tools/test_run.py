import pytest

from pipeline.config_file import load_config
from pipeline.supervision.result import RunResult
from stages.decoder.locations import DEMO, SourceSpec, expand_sources
from stages.decoder.source import FrameSelection
from stages.result_files import StreamStatus
from tests.summaries import summary
from tools.harness.material import detections_of, make_clip
from tools.harness.runner import run_with
from tools.run import (
    _print_table,
    demo_scores,
    faster_detector,
    named_by_order,
    nothing_to_record,
    run_pipeline,
    unknown_in_config,
    without_live_streams,
    worth_a_look,
)


@pytest.fixture(autouse=True)
def one_core_and_openvino(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("tools.run.installed", lambda *packages: True)
    monkeypatch.setattr("os.sched_getaffinity", lambda process: {0})


def advice(dropped, *settings, status=StreamStatus.INTERRUPTED):
    frames = 1000 - dropped
    east = summary(frames, status, dropped=100 + dropped, behind=dropped)
    result = RunResult(finished={"east": east})
    return faster_detector(result, load_config(None, settings))


def test_who_drops_many_frames_is_told_what_is_faster():
    told = advice(400)
    assert told.startswith("400 frames were dropped")
    assert "precision=int8 or --set detector.weights=nano or --set detector.scale=0.5" in told


def test_a_video_that_has_an_end_may_wait():
    assert "bursts, --set runtime.slots=32 has" in advice(400)
    told = advice(400, status=StreamStatus.COMPLETE)
    assert told.endswith("--set runtime.mode=lossless drops none")


def test_a_single_drop_is_told_in_the_singular():
    short = summary(frames=20, dropped=1, behind=1)
    told = faster_detector(RunResult(finished={"east": short}), load_config(None))
    assert told.startswith("1 frame was dropped")


def test_frames_that_are_broken_are_no_reason_for_advice():
    assert not advice(0)


def test_int8_is_not_advised_where_a_gpu_computes(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert "int8" not in advice(400)
    assert "nano" in advice(400)


def test_openvino_is_advised_where_it_is_missing(monkeypatch):
    assert "openvino" not in advice(400)
    monkeypatch.setattr("tools.run.installed", lambda *packages: False)
    assert "or pip install '.[openvino]' in the clone of SpotStream makes" in advice(400)
    assert "openvino" not in advice(400, "detector.engine=torch")
    every = ("detector.weights=nano", "detector.scale=0.5", "detector.precision=int8")
    assert "; pip install '.[openvino]' in the clone of SpotStream makes" in advice(400, *every)


@pytest.mark.parametrize(("weights", "advised"), [("base", True), ("nano", False)])
def test_the_fastest_weights_are_advised_instead_of_others(weights, advised):
    assert ("weights=nano" in advice(400, f"detector.weights={weights}")) is advised


REGIONS = 'detector.ignored={"*": [], north: [[0, 0, 9, 9]], west: [[0, 0, 9, 9]]}'
ZONES = "sink.zones={west: {stop: [[0, 0], [9, 0], [9, 9]]}}"
LINES = "sink.lines={west: {gate: [0, 0, 9, 9]}, south: {gate: [0, 0, 9, 9]}}"


@pytest.mark.parametrize(
    ("names", "stay", "told"),
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
def test_regions_lines_and_zones_of_streams_that_are_not_there_are_told(names, stay, told):
    specs = [SourceSpec(name, f"{name}.mp4") for name in names]
    found = unknown_in_config(specs, load_config(None, [REGIONS, LINES, ZONES]), stay=stay)
    assert [(each.stage, each.message) for each in found] == (
        [
            ("detector", f"detector.ignored: {told}"),
            ("sink", f"sink.lines: {told}"),
            ("sink", f"sink.zones: {told}"),
        ]
        if told
        else []
    )


def test_a_run_without_streams_tells_which_lines_wait_for_one():
    [told] = unknown_in_config([], load_config(None, [LINES]), stay=True)
    assert told.message == "sink.lines: no stream is called west, south yet"


def test_cameras_that_only_their_order_names_are_told():
    urls = [f"http://host/monitor?channel={number}" for number in (1, 2)]
    assert named_by_order(expand_sources(urls)) == (
        "2 sources are http://host/monitor, and their names, host-monitor, host-monitor-2, go by "
        "their order; NAME=URL gives each its own"
    )
    assert named_by_order(expand_sources([f"north={urls[0]}", f"south={urls[1]}"])) == ""
    assert named_by_order(expand_sources(urls[:1])) == ""


def test_what_is_set_already_is_not_advised():
    own = advice(400, "detector.weights=mine.safetensors")
    assert "weights" not in own
    assert "int8" not in own
    smaller = advice(400, "detector.weights=nano", "detector.scale=0.5")
    assert "were too slow; --set detector.precision=int8 makes" in smaller
    every = ("detector.weights=nano", "detector.scale=0.5", "detector.precision=int8")
    assert "were too slow; if the camera" in advice(400, *every)


@pytest.mark.parametrize(
    ("dropped", "settings"), [(0, []), (20, []), (400, ["detector.detections=a.txt"])]
)
def test_few_drops_and_those_of_no_network_are_left_alone(dropped, settings):
    assert advice(dropped, *settings) == ""


@pytest.mark.parametrize("overlay", ["true", "false"])
def test_what_is_worth_a_look_is_there(tmp_path, overlay):
    clip = make_clip(tmp_path, 40)
    settings = (
        f"detector.detections={detections_of(clip)}",
        f"sink.overlay={overlay}",
        f"sink.overlay_minutes={1 / 60}",
    )
    result = run_with([str(clip)], tmp_path / "out", settings)
    name = "overlay.mp4" if overlay == "true" else "mot.txt"
    assert worth_a_look(result) == str(tmp_path / "out" / "clip" / name)
    assert (tmp_path / "out" / "clip" / name).is_file()


@pytest.mark.parametrize(
    ("locations", "stay", "told"),
    [
        (["a.mp4"], False, True),
        (["a.mp4", "rtsp://cam"], False, False),
        (["a.mp4"], True, False),
        ([], True, False),
    ],
)
def test_who_records_no_live_stream_is_told(locations, stay, told):
    specs = [SourceSpec(location, location) for location in locations]
    assert not nothing_to_record(specs, load_config(None), stay=stay)
    config = load_config(None, ["decoder.record=kept"])
    assert ("recorded into kept" in nothing_to_record(specs, config, stay=stay)) == told


@pytest.mark.parametrize(
    ("location", "settings", "stay", "told"),
    [
        ("clip.mp4", [], False, ", since none of the sources is a live one"),
        ("clip.mp4", [], True, ""),
        ("clip.mp4", ["runtime.mode=live"], False, ""),
        ("rtsp://a/b", [], False, ""),
        ("rtsp://a/b", ["runtime.mode=lossless"], True, ", since runtime.mode is lossless"),
    ],
)
def test_settings_for_live_streams_are_told_where_there_are_none(location, settings, stay, told):
    specs = [SourceSpec("a", location)]
    assert not without_live_streams(specs, load_config(None, settings), stay=stay)
    given = ["sink.overlay_url=rtsp://server", "sink.text_gigabytes=1", *settings]
    found = without_live_streams(specs, load_config(None, given), stay=stay)
    keys = "sink.overlay_url and sink.text_gigabytes"
    assert found == (f"{keys}: no effect{told}" if told else "")


def test_a_file_called_demo_is_not_scored_as_the_scene(tmp_path):
    demo = summary(folder=str(tmp_path))
    result = RunResult(finished={"demo": demo, "demo-2": demo})
    specs = [SourceSpec("demo", "demo.mp4"), SourceSpec("demo-2", DEMO)]
    (tmp_path / "mot.txt").write_text("2,1,0,0,9,9,1,-1,-1,-1\n")
    assert list(demo_scores(specs, result, FrameSelection(2, 2))) == ["demo-2"]


def test_one_frame_is_singular(capsys):
    _print_table(RunResult(finished={"a": summary(frames=1)}), 1.0, {})
    assert "1 frame in 1.0 s" in capsys.readouterr().out


def test_nothing_is_worth_a_look_where_nothing_was_written():
    assert worth_a_look(RunResult()) == ""
    assert worth_a_look(RunResult(finished={"east": summary()})) == ""


def test_the_first_overlay_is_worth_a_look_wherever_it_is():
    result = RunResult(
        finished={
            "east": summary(folder="out/east", files=("mot.txt",)),
            "west": summary(
                folder="out/west", files=("mot.txt", "overlay-10.mp4", "overlay-2.mp4")
            ),
        }
    )
    assert worth_a_look(result) == "out/west/overlay-2.mp4"


@pytest.mark.parametrize(
    "other",
    [["photos/img00001.jpg"], ["camera/recording.json", "camera/00000000-e0-20260101T000000Z.mkv"]],
)
def test_videos_that_are_passed_over_are_named(tmp_path, monkeypatch, capsys, other):
    for name in other:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / name).touch()
    monkeypatch.setattr("tools.run.Supervisor.run", lambda self: RunResult())
    monkeypatch.setattr("tools.run.set_up_logging", lambda *given, **named: None)
    options = {"overwrite": False, "stay": False, "json_log": False, "debug": False}
    run_pipeline([str(tmp_path)], tmp_path / "out", None, [], **options)
    told = " ".join(capsys.readouterr().err.split())
    why = "because images, recordings or other videos lie beside or above them"
    how = "to read them, name them as well"
    assert f"{tmp_path}/a.mp4 and 1 more are left out, {why}; {how}" in told
