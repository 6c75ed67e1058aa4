import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.config import RunConfig, TrackerConfig
from pipeline.config_file import load_config, load_configs
from stages.errors import ConfigError

CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("*.yaml"))
SPOTTRACK = "tracker:\n  name: spottrack\n  settings: {birth_score: 0.6}\n"


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_copy_of_a_shipped_config_gives_the_same_settings(tmp_path, path):
    copy = tmp_path / "copy.yaml"
    copy.write_text(path.read_text())
    assert load_config(copy) == load_config(Path(path.stem))


def test_only_uavdt_omits_vehicles_cut_off_by_the_edge():
    margins = {p.stem: load_config(p).tracker.settings.get("edge_margin", -1) for p in CONFIGS}
    assert {name for name, margin in margins.items() if margin >= 0} == {"uavdt"}


def test_custom_file_builds_on_intersection(tmp_path):
    base = load_config(Path("intersection"))
    assert base != RunConfig()
    path = tmp_path / "a.yaml"
    path.write_text("sink: {overlay: false}\ndetector: {min_score: 0.2}\n")
    config = load_config(path, ["decoder.every=2"])
    assert config.tracker == base.tracker
    assert (config.detector.scale, config.detector.min_score) == (base.detector.scale, 0.2)
    assert (config.sink.overlay, config.decoder.every) == (False, 2)
    assert load_config(None) == RunConfig()


def test_binary_config_file_is_refused(tmp_path):
    (tmp_path / "run.yaml").write_bytes(b"\xd0\x00\xff")
    with pytest.raises(ConfigError, match=r"^cannot read config .*run\.yaml: not a text file$"):
        load_config(tmp_path / "run.yaml")


def test_files_are_read_as_utf_8_whatever_the_locale(tmp_path):
    (tmp_path / "run.yaml").write_text("sink: {lines: {Süd: {a: [0, 0, 9, 9]}}}", "utf-8")
    program = (
        "from pathlib import Path; from pipeline.config_file import load_config; "
        "print(ascii(*load_config(Path('run.yaml')).sink.lines))"
    )
    ascii_only = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **ascii_only}
    shown = subprocess.check_output(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, text=True
    )
    assert shown == "'S\\xfcd'\n"


def test_shipped_config_is_found_by_its_name():
    assert load_config(Path("uav")) == load_config(CONFIGS[0].with_name("uav.yaml"))
    with pytest.raises(ConfigError, match=r"no config file drone; built in are demo, detrac"):
        load_config(Path("drone"))


def test_error_names_the_file_only_if_it_is_there_without_the_options(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("runtime: {slots: 1}\n")
    with pytest.raises(ConfigError, match=r"a\.yaml: runtime\.slots"):
        load_config(path, ["sink.overlay=false"])
    with pytest.raises(ConfigError, match=r"--set: unknown key sink\.crf"):
        load_config(path, ["sink.crf=1", "runtime.slots=4"])
    with pytest.raises(ConfigError, match=r"--set: runtime\.slots"):
        load_config(path, ["runtime={slots: 0}"])


def test_error_of_combined_keys_names_the_options_only_if_the_file_is_right_without_them(tmp_path):
    path, later = tmp_path / "a.yaml", tmp_path / "b.yaml"
    path.write_text("decoder: {first_frame: 10}\n")
    later.write_text("sink: {kitti: true}\n")
    problem = "decoder: last_frame must not be less than first_frame, 10, got 5"
    with pytest.raises(ConfigError) as error:
        load_config(path, ["decoder.last_frame=5"])
    assert str(error.value) == f"--set: {problem}"
    path.write_text("decoder: {first_frame: 10, last_frame: 5}\n")
    for paths in ([path], [path, later]):
        with pytest.raises(ConfigError) as error:
            load_configs(paths, ["decoder.every=2"])
        assert str(error.value) == f"{path}: {problem}"


def test_folder_given_as_config_is_refused(tmp_path):
    with pytest.raises(ConfigError) as error:
        load_config(tmp_path)
    assert str(error.value) == f"cannot read config {tmp_path}: is a directory"


def test_overrides_win(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("runtime: {slots: 4}\ntracker: {name: sort}\n")
    config = load_config(path, ["runtime.slots=6", "tracker.settings.max_age=30"])
    assert (config.runtime.slots, config.tracker.settings) == (6, {"max_age": 30})


@pytest.mark.parametrize(
    ("content", "overrides", "name", "settings"),
    [
        (SPOTTRACK, ["tracker.name=bytetrack"], "bytetrack", {}),
        (
            SPOTTRACK,
            ["tracker.settings.low_score=0.2", "tracker.name=bytetrack"],
            "bytetrack",
            {"low_score": 0.2},
        ),
        (SPOTTRACK, ["tracker.name=spottrack"], "spottrack", {"birth_score": 0.6}),
        (SPOTTRACK, ["tracker={name: sort}"], "sort", {}),
        ("tracker: {settings: {birth_score: 0.6}}", ["tracker.name=sort"], "sort", {}),
        ("", ["tracker.name=ocsort"], "ocsort", {}),
    ],
)
def test_settings_of_another_tracker_do_not_apply(tmp_path, content, overrides, name, settings):
    path = tmp_path / "a.yaml"
    path.write_text(content)
    tracker = load_config(path, overrides).tracker
    assert (tracker.name, tracker.settings) == (name, settings)


@pytest.mark.parametrize(
    ("content", "name", "settings"),
    [
        ("tracker: {settings: {birth_score: 0.6}}", "spottrack", {"birth_score": 0.6}),
        ("tracker: {settings: }", "spottrack", {}),
        (SPOTTRACK, "spottrack", {"birth_score": 0.6}),
        ("tracker: {name: spottrack}", "spottrack", {}),
        ("tracker: {name: sort, settings: {max_age: 9}}", "sort", {"max_age": 9}),
    ],
)
def test_file_inherits_tracker_settings_unless_it_names_a_tracker(
    tmp_path, content, name, settings
):
    path = tmp_path / "a.yaml"
    path.write_text(content)
    inherited = {} if "name" in content else load_config(Path("intersection")).tracker.settings
    tracker = load_config(path).tracker
    assert (tracker.name, tracker.settings) == (name, inherited | settings)


@pytest.mark.parametrize(
    ("later", "override", "name", "settings"),
    [
        ("settings: {size: 320}", "min_score=0.3", "own:Yolo", {"size": 320, "half": True}),
        ("name: own:Other", "min_score=0.3", "own:Other", {}),
        ("min_score: 0.3", "name=own:Other", "own:Other", {}),
        ("min_score: 0.3", "name=null", None, {}),
    ],
)
def test_settings_of_another_detector_do_not_apply(tmp_path, later, override, name, settings):
    first, second = tmp_path / "a.yaml", tmp_path / "b.yaml"
    first.write_text("detector: {name: own:Yolo, batch_size: 4, settings: {size: 640, half: true}}")
    second.write_text(f"detector: {{{later}}}")
    detector = load_configs([first, second], [f"detector.{override}"]).detector
    assert (detector.name, detector.settings) == (name, settings)
    assert (detector.batch_size, detector.min_score) == (4, 0.3)


@pytest.mark.parametrize("in_file", [False, True])
def test_settings_of_a_file_are_those_of_the_detector_that_is_named_later(tmp_path, in_file):
    settings, name = tmp_path / "a.yaml", tmp_path / "b.yaml"
    settings.write_text("detector: {settings: {size: 320}}")
    name.write_text("detector: {name: own:Yolo}")
    later = ([settings, name], []) if in_file else ([settings], ["detector.name=own:Yolo"])
    detector = load_configs(*later).detector
    assert (detector.name, detector.settings) == ("own:Yolo", {"size": 320})


def test_each_of_several_files_builds_on_those_before_it(tmp_path):
    night, weak = tmp_path / "night.yaml", tmp_path / "weak.yaml"
    night.write_text("detector: {min_score: 0.3, scale: 0.5}\ntracker: {settings: {max_age: 9}}\n")
    weak.write_text("detector: {min_score: 0.2}\n")
    uav = load_config(Path("uav"))
    config = load_configs([Path("uav"), night, weak], ["sink.overlay=false"])
    assert (config.detector.min_score, config.detector.scale) == (0.2, 0.5)
    assert config.decoder == uav.decoder != load_config(night).decoder
    assert config.tracker.settings == uav.tracker.settings | {"max_age": 9}
    assert not config.sink.overlay
    assert load_configs([weak, night]).detector.min_score == 0.3
    assert load_configs([]) == RunConfig()


def test_error_names_the_file_that_sets_the_key(tmp_path):
    wrong, right = tmp_path / "wrong.yaml", tmp_path / "right.yaml"
    wrong.write_text("runtime: {slots: 1}\n")
    right.write_text("sink: {overlay: false}\n")
    for files in ([wrong, right], [right, wrong], [Path("uav"), wrong]):
        with pytest.raises(ConfigError, match=r"wrong\.yaml: runtime\.slots"):
            load_configs(files)
    with pytest.raises(ConfigError, match=r"no config file missing; built in are demo"):
        load_configs([right, Path("missing")])
    wrong.write_text("detector: {min_score: 7}\nsink: {overlay_minutes: -4}\n")
    right.write_text("detector: {min_score: 0.3}\n")  # overrides the first of the two faults
    with pytest.raises(ConfigError, match=r"wrong\.yaml: sink\.overlay_minutes"):
        load_configs([wrong, right])


def test_several_files_are_validated_only_together(tmp_path):
    site, keys, other = (tmp_path / f"{name}.yaml" for name in ("site", "keys", "other"))
    site.write_text("runtime: {publish: 'tcp://0.0.0.0:5599'}\n")
    keys.write_text("runtime: {publish_key: a.key_secret, publish_clients: clients}\n")
    other.write_text("sink: {kitti: true}\n")
    given = ["runtime.publish_key=a.key_secret", "runtime.publish_clients=clients"]
    together = load_configs([site, keys])
    assert together == load_configs([keys, site]) == load_configs([site], given)
    assert load_configs([site, other], given).sink.kitti
    with pytest.raises(ConfigError, match=r"site\.yaml: .*needs publish_key"):
        load_configs([site, other])


def test_error_names_the_file_whatever_it_builds_on(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("tracker: {settings: {max_age: 9, hits: 2}}\n")
    with pytest.raises(ConfigError, match=r"a\.yaml: tracker: .*'spottrack' has no setting 'hits'"):
        load_config(path)


def test_duplicate_key_is_refused(tmp_path):
    file = tmp_path / "twice.yaml"
    file.write_text("detector: {scale: 0.5}\nsink:\n  overlay: false\ndetector: {min_score: 0.2}\n")
    with pytest.raises(ConfigError, match=r"twice.yaml:4: .*key detector occurs twice"):
        load_config(file)


def test_names_are_kept_as_written(tmp_path):
    file = tmp_path / "a.yaml"
    file.write_text(
        "sink: {lines: {010: {off: [0, 0, 9, 9]}}}\n"
        "detector: {ignored: {no: [[0, 0, 9, 9]], 1.50: []}}\n"
    )
    config = load_config(file, ["sink.lines.yes={2001-01-01: [0, 0, 9, 9]}"])
    assert {stream: list(lines) for stream, lines in config.sink.lines.items()} == {
        "010": ["off"],
        "yes": ["2001-01-01"],
    }
    assert list(config.detector.ignored) == ["no", "1.50"]


def test_merged_names_are_kept_as_written(tmp_path):
    file = tmp_path / "a.yaml"
    file.write_text(
        "sink: {lines: {north: &lines {off: [0, 0, 9, 9]}, south: {<<: *lines, on: [1, 1, 9, 9]}}}"
    )
    assert list(load_config(file).sink.lines["south"]) == ["off", "on"]


@pytest.mark.parametrize(
    ("written", "number"), [("1e-2", 0.01), ("2.E1", 20.0), (".5e+1", 5.0), ("1.5e0", 1.5)]
)
def test_numbers_may_have_an_exponent(written, number):
    key = "tracker.settings.position_noise"
    config = load_config(None, ["tracker.name=spottrack", f"{key}={written}"])
    assert config.tracker.settings == {"position_noise": number}


def test_empty_section_counts_as_absent(tmp_path):
    file = tmp_path / "empty.yaml"
    file.write_text("sink:\ndetector:\n")
    assert load_config(file) == load_config(Path("intersection"))
    file.write_text("tracker:\n  name: ocsort\n  settings:\nruntime:\n  metrics:\n")
    assert load_config(file).tracker == TrackerConfig(name="ocsort")
    changed = load_config(file, ["tracker.settings.max_age=30"])
    assert changed.tracker.settings == {"max_age": 30}
    file.write_text("tracker: {settings: 0}\n")
    with pytest.raises(ConfigError, match=r"tracker\.settings: "):
        load_config(file)
    file.write_text("sink: 0\n")
    with pytest.raises(ConfigError, match="sink: "):
        load_config(file)


TOO_DEEP = 600  # for the parser


def lists(depth):
    return "[" * depth + "]" * depth


def aliases(levels):
    """Each level stands for ten of the one before."""
    first, *rest = (f"a{level}: &a{level} " for level in range(levels))
    tens = (f"{key}[{', '.join([f'*a{level}'] * 10)}]\n" for level, key in enumerate(rest))
    return f"{first}1\n{''.join(tens)}detector: {{weights: *a{levels - 1}}}\n"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (f"sink: {lists(TOO_DEEP)}", "not valid YAML: it is nested too deeply"),
        (f"sink: {lists(200)}", "not valid YAML: it is nested too deeply"),
        ("sink: &a [*a]", "not valid YAML: it is nested too deeply"),
        (aliases(20), "not valid YAML: its aliases stand for too many values"),
        ("\nsink: 2001-13-45", ":2: not valid YAML: '2001-13-45' is not a valid timestamp"),
        (f"sink: {'9' * 6000}", f":1: not valid YAML: '{'9' * 99}… is not a valid int"),
        (f"sink: 0x{'f' * 6000}", f":1: not valid YAML: '0x{'f' * 97}… is not a valid int"),
        ("\nsink:\n  a: \0", ":3: not valid YAML: character #x00 is not allowed"),
        ("sink: !!bool x", ":1: not valid YAML: 'x' is not a valid bool"),
        ("sink: !!timestamp x", ":1: not valid YAML: 'x' is not a valid timestamp"),
    ],
)
def test_yaml_error_is_reported_in_one_line(tmp_path, content, problem):
    file = tmp_path / "a.yaml"
    file.write_text(content)
    with pytest.raises(ConfigError) as error:
        load_config(file)
    assert str(error.value).removeprefix(str(file)).removeprefix(": ") == problem


@pytest.mark.parametrize("value", ["2001-13-45", lists(TOO_DEEP), "9" * 6000])
def test_yaml_error_in_an_override_is_reported_in_one_line(value):
    with pytest.raises(ConfigError, match=r"^--set sink: .{12,102} is not valid YAML; text may "):
        load_config(None, [f"sink={value}"])


def test_ipv6_address_is_accepted_in_the_suggested_quotes():
    given = "runtime.metrics=[::1]:9108"
    with pytest.raises(ConfigError) as error:
        load_config(None, [given])
    _, advice = str(error.value).split(" is not valid YAML; text may need quotes of its own: ")
    assert advice == "--set 'runtime.metrics=\"…\"'"
    [_, quoted] = shlex.split(advice.replace("…", "[::1]:9108"))
    assert load_config(None, [quoted]).runtime.metrics == "[::1]:9108"


@pytest.mark.parametrize("key", ["runtime.slots", "tracker.settings.max_age"])
def test_a_long_value_is_shortened_in_an_error(key):
    with pytest.raises(ConfigError, match=r", got \[0, 1, .{93}…$"):
        load_config(None, [f"{key}={list(range(1000))}"])
