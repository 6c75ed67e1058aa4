from __future__ import annotations

import json
import math
from pathlib import Path

import cv2
import pytest

from stages.errors import ConfigError, OutputError
from tools.bench.figures import RATE, BenchReport, Figure, Ratio, measure
from tools.bench.plot import check_plot, plot_reports


def counted(order: list[str], name: str, values: list[float]):
    def run() -> dict[str, float]:
        order.append(name)
        return {RATE: values.pop(0)}

    return run


def example(order: list[str]) -> BenchReport:
    return measure(
        "example",
        {
            "ours": counted(order, "ours", [1.0, 10.0, 30.0, 20.0]),
            "theirs": counted(order, "theirs", [1.0, 20.0, 20.0, 40.0]),
        },
        [Ratio("ours", "theirs", aim=0.7), Ratio("ours", "absent")],
        rounds=3,
    )


def test_rounds_take_turns_and_the_warm_up_does_not_count() -> None:
    order: list[str] = []
    report = example(order)
    assert order == [*["theirs", "ours"], *["ours", "theirs"], *["theirs", "ours"], "ours",
                     "theirs"]  # fmt: skip
    ours, theirs = report.figures
    assert (ours.name, ours.rounds, ours.median, ours.spread) == (
        "ours",
        (10.0, 30.0, 20.0),
        20.0,
        (10.0, 30.0),
    )
    assert theirs.median == 20.0


def test_ratios_are_those_of_each_round_and_of_what_was_measured() -> None:
    [(asked, ratio)] = example([]).ratios
    assert asked.to == "theirs"
    assert ratio.rounds == (0.5, 1.5, 0.5)


def test_json_holds_every_round() -> None:
    content = json.loads(json.dumps(example([]).as_json()))
    assert content["figures"][0]["rounds"] == [10.0, 30.0, 20.0]
    [ratio] = content["ratios"]
    assert (ratio["median"], ratio["spread"], ratio["aim"]) == (0.5, [0.5, 1.5], 0.7)


def test_json_has_nothing_where_a_value_does_not_exist() -> None:
    content = Figure("AP", "", (0.5, math.nan, math.inf)).as_json()
    assert content["rounds"] == [0.5, None, None]
    assert "NaN" not in json.dumps(content)


def test_a_plot_is_written_whole_or_not_at_all(tmp_path: Path, full_disk: Path) -> None:
    pytest.importorskip("matplotlib")
    plot_reports([], tmp_path / "a.PNG")
    assert cv2.imread(str(tmp_path / "a.PNG")) is not None
    (full_disk / "filler").write_bytes(bytes(60 << 10))
    with pytest.raises(OutputError, match=r"a\.png: no space left on device"):
        plot_reports([], full_disk / "a.png")
    assert [file.name for file in full_disk.iterdir()] == ["filler"]


def test_a_plot_that_cannot_be_drawn_is_refused_at_once() -> None:
    check_plot(None)
    with pytest.raises(ConfigError, match=r"must end in \.png"):
        check_plot(Path("plot.txt"))
