from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from tests.tools.annotations.detrac_file import target
from tests.tools.datasets.detrac import ANNOTATIONS, write_sequence
from tools.datasets.check import Findings, summarize
from tools.datasets.formats import read_data_set
from tools.datasets.tables import finding_tables, problem_lines

NAMES = ("MVI_20011", "MVI_20012")


@pytest.fixture
def findings(tmp_path: Path) -> Findings:
    """Summarises two sequences that differ in weather and camera state."""
    for name, conditions in zip(NAMES, ("unstable, rainy", "stable, night"), strict=True):
        write_sequence(tmp_path, name, {1: target(1, 10), 2: target(1, 10)}, 2)
        file = tmp_path / ANNOTATIONS / f"{name}.xml"
        camera, weather = conditions.split(", ")
        text = file.read_text().replace('="stable"', f'="{camera}"')
        file.write_text(text.replace('="night"', f'="{weather}"'))
    return summarize(read_data_set(tmp_path), 0, [])


@pytest.mark.parametrize(
    ("width", "conditions", "classes"),
    [
        (84, ["unstable, rainy", "stable, night"], True),
        (75, ["unstable, rainy", "stable, night"], False),
        (71, ["unstable, …", "stable, ni…"], False),
        (63, [], True),
    ],
)
def test_conditions_are_shortened_first(
    findings: Findings, width: int, conditions: list[str], classes: bool
) -> None:
    console = Console(width=width, markup=False)
    with console.capture() as capture:
        console.print(next(iter(finding_tables(findings, width))))
    text = capture.get()
    assert all(len(line) <= width for line in text.splitlines())
    for name in NAMES:
        row = next(line for line in text.splitlines() if name in line)
        assert "14/14/14 │   3.1 %" in row
    assert [each for each in conditions if each not in text] == []
    assert ("conditions" in text, "car" in text) == (bool(conditions), classes)
    assert text.count("…") == sum("…" in each for each in conditions)


def test_class_table_has_columns_only_for_what_occurs(findings: Findings) -> None:
    headings = ["class", "boxes", "images", "size 5/25/50/75/95 %"]
    for hidden, ignored in ((0, 0), (3, 0), (0, 3), (3, 2)):
        total = replace(findings.total, hidden_boxes=hidden, ignored_boxes=ignored)
        table = list(finding_tables(replace(findings, total=total), 80))[-1]
        expected = headings + ["hidden > ½"] * (hidden > 0) + ["ignored"] * (ignored > 0)
        assert [column.header for column in table.columns] == expected


def test_scenes_of_a_single_image_are_not_listed(tmp_path: Path) -> None:
    for name in NAMES:
        write_sequence(tmp_path, name, {1: target(1, 10)}, 1)
    tables = finding_tables(summarize(read_data_set(tmp_path), 0, []), 80)
    assert [table.columns[0].header for table in tables] == ["class"]


@pytest.mark.parametrize(("count", "more"), [(3, []), (4, ["    … 1 more"])])
def test_only_the_first_locations_of_a_problem_are_listed(
    findings: Findings, count: int, more: list[str]
) -> None:
    locations = tuple(f"place {number}" for number in range(count))
    lines = list(problem_lines(replace(findings, problems={"box without area": locations})))
    listed = [f"    place {number}" for number in range(3)]
    assert lines[:-1] == [f"{count} × box without area", *listed, *more]
