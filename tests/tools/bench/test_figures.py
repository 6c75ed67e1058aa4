from __future__ import annotations

import json
import re
from pathlib import Path

import cv2
import pytest

from stages.errors import ConfigError, OutputError
from tools.bench.figures import RATE, BenchReport, Figure, Ratio, measure
from tools.bench.plot import check_plot, plot_reports


def recording_run(order: list[str], name: str, values: list[float]):
    def run() -> dict[str, float]:
        order.append(name)
        return {RATE: values.pop(0)}

    return run


def example_report(order: list[str]) -> BenchReport:
    return measure(
        "example",
        {
            "ours": recording_run(order, "ours", [1.0, 10.0, 30.0, 20.0]),
            "theirs": recording_run(order, "theirs", [1.0, 20.0, 20.0, 40.0]),
        },
        [Ratio("ours", "theirs", aim=0.7), Ratio("ours", "absent")],
        rounds=3,
    )


def test_rounds_alternate_and_the_warm_up_is_not_counted() -> None:
    order: list[str] = []
    report = example_report(order)
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


def test_ratios_are_per_round_and_skip_unmeasured_names() -> None:
    [(asked, ratio)] = example_report([]).ratios
    assert asked.to == "theirs"
    assert ratio.rounds == (0.5, 1.5, 0.5)


def test_json_holds_every_round() -> None:
    content = json.loads(json.dumps(example_report([]).as_json()))
    assert content["figures"][0]["rounds"] == [10.0, 30.0, 20.0]
    [ratio] = content["ratios"]
    assert (ratio["median"], ratio["spread"], ratio["aim"]) == (0.5, [0.5, 1.5], 0.7)


def test_plot_is_written_whole_or_not_at_all(tmp_path: Path, full_disk: Path) -> None:
    pytest.importorskip("matplotlib")
    plot_reports([example_report([])], tmp_path / "a.PNG")
    assert cv2.imread(str(tmp_path / "a.PNG")) is not None
    (full_disk / "filler").write_bytes(bytes(60 << 10))
    with pytest.raises(OutputError, match=r"a\.png: no space left on device"):
        plot_reports([example_report([])], full_disk / "a.png")
    assert [file.name for file in full_disk.iterdir()] == ["filler"]


def test_unsupported_plot_format_is_rejected() -> None:
    check_plot(None)
    with pytest.raises(ConfigError, match=r"must end in \.png"):
        check_plot(Path("plot.txt"))


def test_minimum_and_maximum_marks_differ_and_lie_above_the_line(monkeypatch) -> None:
    pytest.importorskip("matplotlib")
    drawn = []
    monkeypatch.setattr("tools.bench.plot.save_figure", lambda figure, path: drawn.append(figure))
    rounds = Figure("", "×", (0.35, 0.9, 1.3))
    asked = [Ratio("a", "b", aim=1.0), Ratio("a", "b", limit=1.1), Ratio("a", "b")]
    plot_reports([BenchReport("", (), tuple((ratio, rounds) for ratio in asked))], Path("a.png"))
    [axes] = drawn[0].axes
    marks = [line for line in axes.lines if line.get_color() == "black"]
    assert [(line.get_marker(), line.get_xdata()[0]) for line in marks] == [(">", 1.0), ("<", 1.1)]
    [one] = [line for line in axes.lines if line.get_color() == "gray"]
    assert min(line.get_zorder() for line in marks) > one.get_zorder()


@pytest.mark.parametrize(
    ("rounds", "labels"),
    [
        ((0.35, 1.3), ["0.4", "0.6", "0.8", "1", "1.2"]),
        ((0.98, 1.03), ["0.98", "0.99", "1", "1.01", "1.02", "1.03"]),
        ((0.02, 3), ["0.02", "0.05", "0.1", "0.2", "0.5", "1", "2"]),
    ],
)
def test_ratio_labels_are_numbers_that_do_not_overlap(
    tmp_path: Path, rounds: tuple[float, ...], labels: list[str]
) -> None:
    pytest.importorskip("matplotlib")
    ratio = Ratio("a", "b"), Figure("", "×", rounds)
    plot_reports([BenchReport("", (), (ratio,))], tmp_path / "a.svg")
    assert re.findall(r"<!-- ([^:]+) -->", (tmp_path / "a.svg").read_text()) == labels


def test_plot_without_ratios_is_rejected(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    with pytest.raises(ConfigError, match="none was measured"):
        plot_reports([BenchReport("track", ())], tmp_path / "a.png")
