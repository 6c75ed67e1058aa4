import pytest
from torch import bfloat16, float32

from pipeline.config_file import load_config
from pipeline.supervision.result import RunResult
from stages.decoder.locations import DEMO, SourceSpec
from stages.decoder.source import FrameSelection
from stages.measurements import Counts, ZoneCounts
from stages.result_files import StreamStatus
from tests.summaries import summary
from tools.harness.material import detections_setting, make_clip
from tools.harness.runner import run_with
from tools.running.summary import demo_scores, faster_detector, print_summary, worth_a_look


@pytest.fixture(autouse=True)
def one_core_and_openvino(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("tools.running.summary.installed", lambda *packages: True)
    monkeypatch.setattr("os.sched_getaffinity", lambda process: {0})
    monkeypatch.setattr("stages.detector.engines.arithmetic.fast_dtype", lambda device: bfloat16)


def advice(dropped, *settings, status=StreamStatus.INTERRUPTED):
    frames = 1000 - dropped
    east = summary(frames, status, dropped=100 + dropped, behind=dropped)
    result = RunResult(finished={"east": east})
    return faster_detector(result, load_config(None, settings))


def test_many_dropped_frames_yield_advice_on_faster_settings():
    text = advice(400)
    assert text.startswith("400 frames were dropped")
    assert "precision=int8 or --set detector.weights=nano or --set detector.scale=0.5" in text


def test_frames_may_have_been_dropped_while_a_stage_was_started_again():
    east = summary(600, StreamStatus.INTERRUPTED, dropped=400, behind=400)
    for stage, expected in (("detector", True), ("decoder of east", False)):
        result = RunResult(finished={"east": east}, restarts={stage: 2})
        text = faster_detector(result, load_config(None))
        assert ("too slow, or were being started again; --set" in text) is expected


def test_a_finite_video_is_advised_to_run_lossless():
    assert "bursts, --set runtime.slots=32 has" in advice(400)
    text = advice(400, status=StreamStatus.COMPLETE)
    assert text.endswith("--set runtime.mode=lossless drops none")


def test_a_single_dropped_frame_is_worded_in_the_singular():
    short = summary(frames=20, dropped=1, behind=1)
    text = faster_detector(RunResult(finished={"east": short}), load_config(None))
    assert text.startswith("1 frame was dropped")


def test_broken_frames_give_no_advice():
    assert not advice(0)


def test_int8_is_not_advised_where_it_is_used_already(monkeypatch):
    monkeypatch.setattr("stages.detector.engines.arithmetic.fast_dtype", lambda device: float32)
    assert "int8" not in advice(400)
    assert "nano" in advice(400)


def test_int8_is_not_advised_on_a_gpu(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert "int8" not in advice(400)
    assert "nano" in advice(400)


def test_openvino_is_advised_if_it_is_missing(monkeypatch):
    assert "openvino" not in advice(400)
    monkeypatch.setattr("tools.running.summary.installed", lambda *packages: False)
    assert "or pip install '.[openvino]' in the clone of SpotStream makes" in advice(400)
    assert "openvino" not in advice(400, "detector.engine=torch")
    every = ("detector.weights=nano", "detector.scale=0.5", "detector.precision=int8")
    assert "; pip install '.[openvino]' in the clone of SpotStream makes" in advice(400, *every)


def test_settings_of_spotnet_are_not_advised_for_an_own_detector(monkeypatch):
    monkeypatch.setattr("tools.running.summary.installed", lambda *packages: False)
    text = advice(400, "detector.name=own:Yolo")
    assert text.startswith("400 frames were dropped: the stages were too slow; if the camera sends")


@pytest.mark.parametrize(("weights", "advised"), [("base", True), ("nano", False)])
def test_nano_weights_are_advised_instead_of_larger_ones(weights, advised):
    assert ("weights=nano" in advice(400, f"detector.weights={weights}")) is advised


def test_settings_already_in_use_are_not_advised():
    own = advice(400, "detector.weights=mine.safetensors")
    assert "weights" not in own
    assert "int8" not in own
    smaller = advice(400, "detector.weights=nano", "detector.scale=0.5")
    assert "were too slow; --set detector.precision=int8 makes" in smaller
    every = ("detector.weights=nano", "detector.scale=0.5", "detector.precision=int8")
    assert "were too slow; if the camera" in advice(400, *every)


def test_fewer_frames_are_advised_where_the_decoder_estimates_the_camera():
    text = "--set decoder.every=2 halves its work on camera motion and views"
    assert text in advice(400, "decoder.camera_motion=true")
    assert "decoder.every" not in advice(400)


@pytest.mark.parametrize(
    ("dropped", "settings"), [(0, []), (20, []), (400, ["detector.detections=a.txt"])]
)
def test_few_drops_or_a_run_without_a_network_give_no_advice(dropped, settings):
    assert advice(dropped, *settings) == ""


@pytest.mark.parametrize("overlay", ["true", "false"])
def test_the_suggested_result_file_exists(tmp_path, overlay):
    clip = make_clip(tmp_path, 40)
    settings = (
        detections_setting(clip),
        f"sink.overlay={overlay}",
        f"sink.overlay_minutes={1 / 60}",
    )
    result = run_with([str(clip)], tmp_path / "out", settings)
    name = "overlay.mp4" if overlay == "true" else "mot.txt"
    assert worth_a_look(result) == str(tmp_path / "out" / "clip" / name)
    assert (tmp_path / "out" / "clip" / name).is_file()


def test_a_video_named_demo_is_not_scored_as_the_demo_scene(tmp_path):
    demo = summary(folder=str(tmp_path))
    result = RunResult(finished={"demo": demo, "demo-2": demo})
    specs = [SourceSpec("demo", "demo.mp4"), SourceSpec("demo-2", DEMO)]
    (tmp_path / "mot.txt").write_text("2,1,0,0,9,9,1,-1,-1,-1\n")
    assert list(demo_scores(specs, result, FrameSelection(2, 2))) == ["demo-2"]


def test_one_frame_is_singular(capsys):
    print_summary(RunResult(finished={"a": summary(frames=1)}), 1.0, {})
    assert "1 frame in 1.0 s" in capsys.readouterr().out


def test_counts_are_only_shown_of_streams_with_frames(capsys):
    counts = {"crossings": {"main": Counts(0, 0)}, "zones": {"exit": ZoneCounts(0, 0)}}
    result = RunResult(finished={"dark": summary(**counts), "quiet": summary(9, **counts)})
    print_summary(result, 1.0, {})
    lines = capsys.readouterr().out.splitlines()
    assert lines[lines.index("9 frames in 1.0 s, start included") + 1 :] == [
        "quiet: main: 0 to the left, 0 to the right",
        "quiet: exit: 0 entered, 0 there at the end",
    ]


def test_no_file_is_suggested_if_nothing_was_written():
    assert worth_a_look(RunResult()) == ""
    assert worth_a_look(RunResult(finished={"east": summary()})) == ""


def test_the_first_overlay_is_suggested_even_of_a_later_stream():
    result = RunResult(
        finished={
            "east": summary(folder="out/east", files=("mot.txt",)),
            "west": summary(folder="out/west", files=("mot.txt", "overlay-2.mp4")),
        }
    )
    assert worth_a_look(result) == "out/west/overlay-2.mp4"
