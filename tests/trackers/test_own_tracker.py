"""Trackers named ``package.module:Class``."""

import re

import numpy as np
import pytest

from trackers import Sort, build_tracker, default_settings
from trackers.tracker import TrackError

MODULE = """
import sys
import numpy as np
from trackers.sort import Sort
from trackers.tracker import Tracker

class Gated(Sort):
    def __init__(self, gate=0.5, *, max_age: int = 4, sizes=(1, 2), **further):
        super().__init__(max_age=max_age + 1)
        self.gate = gate / 2

class Plain(Sort):
    def __init__(self):
        super().__init__()

class Incomplete(Tracker):
    def _coast(self):
        pass

class Needing(Sort):
    def __init__(self, gate, *, max_age=3):
        super().__init__(max_age=max_age)

class Numpy(Sort):
    def __init__(self, gate=np.float64(0.5)):
        super().__init__()

class Licensed(Sort):
    def __init__(self, key=""):
        sys.exit("no licence")

text = "Gated"
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Returns a function that writes a module and returns its name."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(text):
        name = tmp_path.name  # which no other test imports
        (tmp_path / f"{name}.py").write_text(text)
        return name

    return write


def test_an_own_tracker_is_built_with_its_settings(own):
    name = f"{own(MODULE)}:Gated"
    assert default_settings(name) == {"gate": 0.5, "max_age": 4, "sizes": [1, 2]}
    tracker = build_tracker(name, gate=3)
    assert isinstance(tracker, Sort)
    assert (tracker.gate, tracker.max_age) == (1.5, 5)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        (
            "Gated",
            {"further": 1},
            "has no setting 'further'; its settings are gate, max_age, sizes",
        ),
        ("Plain", {"gate": 1}, "has no setting 'gate'; it has no settings"),
        ("Gated", {"max_age": -2}, "max_age must be a whole number of at least 0, got -1"),
        ("Gated", {"gate": "a"}, "cannot be built: TypeError: unsupported operand"),
        ("Licensed", {}, "cannot be built: SystemExit: no licence"),
    ],
)
def test_invalid_settings_of_an_own_tracker_are_refused(own, name, settings, message):
    with pytest.raises(ValueError, match=message):
        build_tracker(f"{own(MODULE)}:{name}", **settings)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("absent", "module {} has no class 'absent'"),
        ("", "module {} has no class ''"),
        ("text", "module {} has no class 'text'"),
        ("np", "module {} has no class 'np'"),
        ("Incomplete", "Incomplete does not implement _forget, _track"),
        ("Needing", "parameter 'gate' of the constructor has no default"),
        ("Numpy", "the default of 'gate' is of type float64, which a config file cannot hold"),
    ],
)
def test_a_class_that_cannot_be_used_is_refused(own, name, message):
    module = own(MODULE)
    expected = f"tracker '{module}:{name}': {message.format(module)}"
    with pytest.raises(ValueError, match=f"^{re.escape(expected)}$"):
        default_settings(f"{module}:{name}")


def test_a_class_that_is_not_a_tracker_is_refused():
    with pytest.raises(ValueError, match=r"Path is not a subclass of trackers\.tracker\.Tracker"):
        default_settings("pathlib:Path")


@pytest.mark.parametrize("module", ["nowhere", "nowhere.deeper", "pathlib.deeper"])
def test_a_missing_module_is_reported_with_the_remedy(module):
    problem = r"there is no module [\w.]+; install it, or add its folder to PYTHONPATH"
    with pytest.raises(ValueError, match=f"^tracker '{module}:Own': {problem}$"):
        build_tracker(f"{module}:Own")


@pytest.mark.parametrize("name", [":Own", ".relative:Own"])
def test_a_name_without_a_module_is_refused(name):
    with pytest.raises(ValueError, match=r"the name must be package\.module:Class$"):
        build_tracker(name)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("raise RuntimeError('one\\n  two')", "RuntimeError: one two"),
        ("import nowhere", "ModuleNotFoundError: No module named 'nowhere'"),
        ("raise SystemExit('no GPU')", "SystemExit: no GPU"),
        ("a b", r"SyntaxError: invalid syntax \(.+\.py, line 1\)"),
    ],
)
def test_a_module_that_fails_on_import_is_reported_in_one_line(own, text, error):
    module = own(text)
    expected = f"^tracker '{module}:Own': importing {module} failed: {error}$"
    with pytest.raises(ValueError, match=expected):
        build_tracker(f"{module}:Own")


class Returning(Sort):
    """Returns what `change` makes of the boxes, ids and detection indices."""

    def __init__(self, change):
        super().__init__()
        self._change = change

    def _track(self, observations):
        return self._change(*super()._track(observations))


CARS = ([[10, 10, 50, 40], [200, 10, 240, 40]], [0.9, 0.8])


def test_integers_of_any_kind_become_int64():
    tracker = Returning(lambda boxes, ids, used: (boxes, ids.astype("i4"), used.astype("u2")))
    tracks = tracker.update(*CARS)
    assert tracks.ids.dtype == tracks.detection_indices.dtype == np.int64
    assert (tracks.ids.tolist(), tracks.detection_indices.tolist()) == ([1, 2], [0, 1])


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        (
            lambda boxes, ids, used: (boxes, ids * 1.0, used),
            "float64 (2, 4), float64 (2,), int64 (2,)",
        ),
        (
            lambda boxes, ids, used: (boxes, ids, used == 0),
            "float64 (2, 4), int64 (2,), bool (2,)",
        ),
        (
            lambda boxes, ids, used: (boxes, ids[1:], used),
            "float64 (2, 4), int64 (1,), int64 (2,)",
        ),
        (
            lambda boxes, ids, used: (boxes[:, :3], ids, used),
            "float64 (2, 3), int64 (2,), int64 (2,)",
        ),
        (
            lambda boxes, ids, used: (boxes[0], ids[0], used[0]),
            "float64 (4,), int64, int64",
        ),
        (lambda boxes, ids, used: (boxes, ids.tolist(), used), "float64 (2, 4), list, int64 (2,)"),
        (lambda boxes, ids, used: (boxes, ids), "float64 (2, 4), int64 (2,)"),
        (
            lambda boxes, ids, used: (boxes.astype(object), ids, used),
            "object (2, 4), int64 (2,), int64 (2,)",
        ),
        (lambda *found: None, "NoneType"),
    ],
)
def test_a_track_method_that_returns_something_else_is_refused(change, shown):
    expected = (
        "_track must return boxes (M, 4), integer ids (M,) and integer detection indices (M,), "
        f"not {shown}"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(expected)}$"):
        Returning(change).update(*CARS)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda boxes, ids, used: (boxes[:, [2, 1, 0, 3]], ids, used),
            "finite boxes with right > left and bottom > top, got [50.0, 10.0, 10.0, 40.0]",
        ),
        (
            lambda boxes, ids, used: (np.vstack((boxes[:1], boxes[1:] * np.nan)), ids, used),
            "finite boxes with right > left and bottom > top, got [nan, nan, nan, nan]",
        ),
        (
            lambda boxes, ids, used: (boxes * 1e300, ids, used),  # infinite as float32
            "finite boxes with right > left and bottom > top, got [1e+301, 1e+301, 5e+301, 4e+301]",
        ),
        (
            lambda boxes, ids, used: (boxes, ids - 1, used),
            "ids from _new_ids (the next is 3), each once and ascending, got [0, 1]",
        ),
        (
            lambda boxes, ids, used: (boxes, np.ones_like(ids), used),
            "ids from _new_ids (the next is 3), each once and ascending, got [1, 1]",
        ),
        (
            lambda boxes, ids, used: (boxes, ids[::-1], used),
            "ids from _new_ids (the next is 3), each once and ascending, got [2, 1]",
        ),
        (
            lambda boxes, ids, used: (boxes, ids + 1, used),
            "ids from _new_ids (the next is 3), each once and ascending, got [2, 3]",
        ),
        (
            lambda boxes, ids, used: (boxes, ids, used - 1),
            "indices among those of its observations, got -1",
        ),
        (
            lambda boxes, ids, used: (boxes, ids, used + 1),
            "indices among those of its observations, got 2",
        ),
    ],
)
def test_values_that_cannot_be_tracks_are_refused(change, message):
    with pytest.raises(TrackError, match=f"^{re.escape(f'_track must return {message}')}$"):
        Returning(change).update(*CARS)


def test_detection_indices_are_those_before_boxes_without_area_were_left_out():
    flat = [[5, 5, 5, 9], *CARS[0]]
    tracker = Returning(lambda boxes, ids, used: (boxes, ids, used - 1))
    with pytest.raises(TrackError, match="indices among those of its observations, got 0"):
        tracker.update(flat, [0.5, *CARS[1]])


def test_a_detection_index_is_refused_in_a_frame_without_detections():
    tracker = Returning(lambda *found: (np.array([[0, 0, 9, 9]]), np.array([1]), np.array([0])))
    assert len(tracker.update(*CARS)) == 1
    with pytest.raises(TrackError, match="indices among those of its observations, got 0"):
        tracker.update([], [])
