import json
import os
import shutil
from importlib.metadata import version

import pytest

from pipeline.config import to_plain
from pipeline.config_file import load_config
from pipeline.supervision.earlier_results import difference
from pipeline.supervision.result_folders import ResultFolders
from pipeline.supervision.supervisor import Supervisor
from stages.decoder.locations import SourceSpec, expand_sources
from stages.errors import OutputError
from stages.result_files import read_report
from tools.harness.material import detections_of, make_clip

BOX, LINE = "[[0, 0, 9, 9]]", "{stop: [0, 0, 9, 9]}"
ZONE = "sink.zones={a: {box: [[0, 0], [9, 0], [9, 9]]}}"


@pytest.fixture
def video(tmp_path):
    """The path of a video whose results go to ``out/a``, see `finished`."""
    path = tmp_path / "videos" / "a.mp4"
    path.parent.mkdir()
    path.touch()
    return path


def finished(video, config, source=None, **further):
    folder = video.parents[1] / "out" / "a"
    folder.mkdir(parents=True)
    report = {"status": "complete", "source": source or str(video), "config": config}
    report |= {"versions": {"spotstream": version("spotstream")}, **further}
    (folder / "run.json").write_text(json.dumps(report))
    return folder


def difference_of(folder, video, *settings):
    return difference(folder, SourceSpec("a", str(video)), load_config(None, settings))


@pytest.mark.parametrize(
    ("there", "now", "reported"),
    [
        ([], [], ""),
        ([], ["tracker.name=bytetrack"], "tracker.name: sort there, bytetrack now"),
        (
            ["tracker.name=trackers.sort:Sort", "tracker.settings.max_age=1"],
            ["tracker.name=trackers.sort:Sort"],
            "",
        ),
        (
            ["tracker.name=trackers.sort:Sort"],
            ["tracker.name=trackers.sort:Sort", "tracker.settings.max_age=2"],
            "tracker.settings.max_age: 1 there, 2 now",
        ),
        ([], ["detector.name=own:Yolo"], "detector.name: null there, own:Yolo now"),
        (
            ["detector.name=own:Yolo", "detector.settings.size=640"],
            ["detector.name=own:Yolo", "detector.settings.size=320"],
            'detector.settings: {"size": 640} there, {"size": 320} now',
        ),
        ([], ["detector.weights=nano"], "detector.weights: compact there, nano now"),
        ([], ["detector.weights=compact"], ""),
        ([], ["detector.classes=[car]"], 'detector.classes: [] there, ["car"] now'),
        (["detector.classes=[car, bus]"], ["detector.classes=[bus, car]"], ""),
        ([], ["detector.scale=0.5"], "detector.scale: null there, 0.5 now"),
        ([], ["decoder.frame_rate=25.0"], ""),
        (["decoder.every=2"], [], "decoder.every: 2 there, 1 now"),
        (["sink.overlay=false"], [], "sink.overlay: false there, true now"),
        (
            [],
            ["sink.ground={'*': [[0, 0, 0, 0], [9, 0, 9, 0], [9, 9, 9, 9], [0, 9, 0, 9]]}"],
            'sink.ground.a: null there, {"points": [[0.0, 0.0, 0.0, 0.0], [9.0, 0.0, 9.0, 0.0], '
            '[9.0, 9.0, 9.0, 9.0], [0.0, 9.0, 0.0, 9.0]], "lens": null} now',
        ),
        ([], ["sink.zone_stay_seconds=60"], ""),  # there are no zones
        (
            [ZONE, "sink.zone_stay_seconds={box: 5, other: 7}"],
            [ZONE, "sink.zone_stay_seconds={box: 6}"],
            'sink.zone_stay_seconds.a: {"box": 5.0} there, {"box": 6.0} now',
        ),
        (
            [ZONE, "sink.zone_stay_seconds=5"],
            [ZONE, 'sink.zone_stay_seconds={box: 5, "*": 6}'],
            "",
        ),
        ([], ["sink.kitti=true"], "sink.kitti: false there, true now"),
        ([], ["sink.toolkit_files=true"], "sink.toolkit_files: false there, true now"),
        (["tracker.settings.max_age=1"], [], ""),
        (
            ["tracker.settings.max_age=9"],
            ["tracker.settings.min_hits=2"],
            "tracker.settings.max_age: 9 there, 1 now",
        ),
        ([], ["detector.threads=1", "detector.workers=2", "detector.batch_size=4"], ""),
        ([f"detector.ignored={{a: {BOX}}}"], [f"detector.ignored={{a: {BOX}, b: {BOX}}}"], ""),
        ([f"sink.lines={{a: {LINE}, b: {LINE}}}"], [f"sink.lines={{a: {LINE}}}"], ""),
        ([f"sink.lines={{'*': {LINE}}}"], [f"sink.lines={{a: {LINE}}}"], ""),
        ([f"detector.ignored={{a: {BOX}}}"], [f"detector.ignored={{'*': {BOX}}}"], ""),
        (
            [f"detector.ignored={{a: {BOX}}}"],
            [f"detector.ignored={{'*': {BOX}, a: {BOX}}}"],
            "detector.ignored.a: [[0.0, 0.0, 9.0, 9.0]] there, "
            "[[0.0, 0.0, 9.0, 9.0], [0.0, 0.0, 9.0, 9.0]] now",
        ),
        ([], ["sink.lines={a: {}}", "detector.ignored={a: []}"], ""),
        (
            [f"detector.ignored={{a: {BOX}}}"],
            [f"detector.ignored={{b: {BOX}}}"],
            "detector.ignored.a: [[0.0, 0.0, 9.0, 9.0]] there, [] now",
        ),
        (["detector.regions={'*': [0, 0, 99, 99]}"], ["detector.regions={a: [0, 0, 99, 99]}"], ""),
        (
            ["detector.regions={'*': [0, 0, 99, 99], b: [0, 0, 99, 50]}"],
            ["detector.regions={b: [0, 0, 99, 50]}"],
            "detector.regions.a: [0.0, 0.0, 99.0, 99.0] there, null now",
        ),
        (
            [f"sink.lines={{b: {LINE}}}"],
            [f"sink.lines={{a: {LINE}, b: {LINE}}}"],
            'sink.lines.a: {} there, {"stop": [0.0, 0.0, 9.0, 9.0]} now',
        ),
        (
            [],
            ["sink.zones={'*': {stop: [[0, 0], [9, 0], [9, 9]]}}"],
            'sink.zones.a: {} there, {"stop": [[0.0, 0.0], [9.0, 0.0], [9.0, 9.0]]} now',
        ),
        (["runtime.slots=4", "decoder.hardware=auto"], ["decoder.timeout=9"], ""),
    ],
)
def test_first_differing_setting_is_reported(video, there, now, reported):
    folder = finished(video, to_plain(load_config(None, there)))
    expected = f"holds results of other settings ({reported})" if reported else ""
    assert difference_of(folder, video, *now) == expected


@pytest.mark.parametrize(("damaged", "shown"), [(None, "null"), (5, "5"), (["b", 1], '[1, "b"]')])
def test_damaged_classes_of_an_earlier_run_are_a_difference(video, damaged, shown):
    config = to_plain(load_config(None))
    config["detector"]["classes"] = damaged
    folder = finished(video, config)
    assert f"(detector.classes: {shown} there, [] now)" in difference_of(folder, video)


def test_the_module_of_another_tracker_is_not_imported(video):
    folder = finished(video, {"tracker": {"name": "nowhere:Own", "settings": {"max_age": 2}}})
    expected = "holds results of other settings (tracker.name: nowhere:Own there, sort now)"
    assert difference_of(folder, video) == expected


@pytest.mark.parametrize("config", [{}, {"tracker": {"name": "sort"}, "sink": {"crf": 1}}])
def test_keys_missing_from_earlier_configs_have_their_defaults(video, config):
    folder = finished(video, config)
    assert difference_of(folder, video) == ""
    assert "overlay_trail: 25 there, 9 now" in difference_of(folder, video, "sink.overlay_trail=9")


def test_results_of_another_source_are_reported(video, tmp_path):
    other = tmp_path / "others" / "a.mp4"
    folder = finished(video, {})
    expected = f"holds results of another source ({video} there, {other} now)"
    assert difference_of(folder, other) == expected


def test_relative_paths_resolve_against_their_working_directory(video, tmp_path, monkeypatch):
    weights = {"detector": {"weights": "w.safetensors"}}
    folder = finished(video, weights, "videos/a.mp4", working_directory=str(tmp_path))
    monkeypatch.chdir(video.parent)
    assert difference_of(folder, "a.mp4", "detector.weights=../w.safetensors") == ""
    elsewhere = f"{tmp_path}/w.safetensors there, {video.parent}/w.safetensors now"
    assert elsewhere in difference_of(folder, "a.mp4", "detector.weights=w.safetensors")
    (video.parent / "videos").mkdir()
    assert "another source" in difference_of(folder, "videos/a.mp4")


@pytest.mark.parametrize(
    ("names", "newer"),
    [
        (["a.mp4"], "a.mp4"),
        (["img1.jpg", "img2.jpg", "img10.jpg"], "img10.jpg"),
        (["img1.jpg", "img2.jpg"], "img1.jpg"),
        (
            ["00000000-e0-20260101T000000Z.mkv", "00000001-e0-20260101T000100Z.mkv"],
            "00000001-e0-20260101T000100Z.mkv",
        ),
    ],
)
def test_source_newer_than_its_results_is_reported(tmp_path, names, newer):
    source = tmp_path / "source"
    source.mkdir()
    for name in names:
        (source / name).touch()
    if newer.endswith(".mkv"):
        (source / "recording.json").touch()
    given = source / newer if newer == "a.mp4" else source
    folder = finished(source / newer, {}, str(given))
    made = (folder / "run.json").stat().st_mtime
    os.utime(source / newer, (made, made))
    assert difference_of(folder, given) == ""
    os.utime(source / newer, (made, made + 1))
    assert difference_of(folder, given) == f"holds results that are older than {source / newer}"


def test_weights_newer_than_their_results_are_reported(video, tmp_path):
    weights = tmp_path / "w.safetensors"
    folder = finished(video, {"detector": {"weights": str(weights)}})
    weights.touch()
    made = (folder / "run.json").stat().st_mtime
    os.utime(weights, (made, made + 1))
    reported = difference_of(folder, video, f"detector.weights={weights}")
    assert reported == f"holds results that are older than {weights}"


def test_a_reference_of_another_stream_does_not_matter_and_a_newer_one_does(video, tmp_path):
    picture = tmp_path / "view.png"
    folder = finished(video, {"decoder": {"reference": {"*": str(picture)}}})
    given = f"decoder.reference={{'*': {picture}, elsewhere: other.png}}"
    assert difference_of(folder, video, given) == ""
    assert "(decoder.reference: " in difference_of(folder, video)
    picture.touch()
    made = (folder / "run.json").stat().st_mtime
    os.utime(picture, (made, made + 1))
    assert difference_of(folder, video, given) == f"holds results that are older than {picture}"


@pytest.mark.parametrize(
    ("mode", "dropped", "reported"),
    [
        ("lossless", {"stages behind": 42}, "lacks 42 frames dropped in live mode"),
        ("auto", {"decoder restarted": 1}, "lacks 1 frame dropped in live mode"),
        ("lossless", {"broken frame": 1, "unreadable image": 2}, ""),
        ("live", {"stages behind": 42}, ""),
    ],
)
def test_frames_that_only_a_live_run_drops_are_reported(video, mode, dropped, reported):
    folder = finished(video, {"runtime": {"mode": "live"}}, dropped={"by_reason": dropped})
    assert difference_of(folder, video, f"runtime.mode={mode}") == reported


def test_results_are_recognised_from_any_working_directory(tmp_path, monkeypatch):
    make_clip(tmp_path / "videos", 10)

    def repeat(directory, *settings):
        monkeypatch.chdir(directory)
        detections = os.path.relpath(detections_of(tmp_path / "videos" / "clip.mp4"))
        given = [f"detector.detections={detections}", "sink.overlay=false", *settings]
        config = load_config(None, given)
        specs = expand_sources([os.path.relpath(tmp_path / "videos")])
        results = ResultFolders(specs, tmp_path / "out", config, overwrite=False)
        return Supervisor(results, config).run()

    assert repeat(tmp_path).finished.keys() == {"clip"}
    report = read_report(tmp_path / "out" / "clip")
    assert (report["source"], report["working_directory"]) == ("videos/clip.mp4", str(tmp_path))
    for directory in (tmp_path, tmp_path / "videos"):
        result = repeat(directory, "detector.threads=1")
        assert (result.skipped, result.finished) == (["clip"], {})
    with pytest.raises(OutputError) as error:
        repeat(tmp_path, "tracker.name=ocsort")
    advice = "choose another --output, or add --overwrite to replace what is there"
    assert str(error.value) == (
        f"{tmp_path}/out/clip holds results of other settings "
        f"(tracker.name: sort there, ocsort now); {advice}"
    )
    shutil.rmtree(tmp_path / "out" / "clip")
    assert repeat(tmp_path, "tracker.name=ocsort").finished.keys() == {"clip"}


@pytest.mark.parametrize("there", ["0.1.9", f"{version('spotstream')}.1"])
def test_results_of_another_release_are_reported(video, there):
    folder = finished(video, to_plain(load_config(None, [])), versions={"spotstream": there})
    reported = f"holds results of release {there}, and this is {version('spotstream')}"
    assert difference_of(folder, video) == reported
