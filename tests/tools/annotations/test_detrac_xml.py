from __future__ import annotations

from pathlib import Path

import pytest

from stages.errors import ConfigError
from tests.tools.annotations.detrac_file import overlap, target
from tools.annotations.detrac_xml import read_detrac_xml


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("<sequence", "MVI_1.xml:1: not well-formed XML"),
        (
            '<sequence><frame num="1"/>\n<frame num="2">'
            + 2 * target(1, 5)
            + '</frame>\n<frame num="4"/></sequence>',
            "MVI_1.xml:3: frame 2: id 1 occurs twice",
        ),
        (
            '<sequence><frame num="2">' + target(1, 5, cut=float("nan")) + "</frame></sequence>",
            "MVI_1.xml:2: frame 2: truncation_ratio must be a finite number, got 'nan'",
        ),
        (
            '<sequence><frame num="2">' + target(1, 5, cut=1.01) + "</frame></sequence>",
            "frame 2: truncation_ratio must lie between 0 and 1, got 1.01",
        ),
        ('<sequence><frame num="3000000000000"/></sequence>', "num must lie between 1 and"),
        ('<sequence><frame num="0"/></sequence>', "num must lie between 1 and"),
        (
            f'<sequence><frame num="1"><target id="-{2**64}"/></frame></sequence>',
            "frame 1: id must lie within ±9007199254740992, got -18446744073709551616",
        ),
        ('<?xml version="1.0" encoding="foo"?><sequence/>', "MVI_1.xml:1: unknown encoding"),
        ("<other/>", "MVI_1.xml: expected <sequence>, got <other>"),
        (
            '<sequence><frame num="3">\n<target id="1">\n'
            '<box left="1" top="1" width="-4" height="2"/></target></frame></sequence>',
            "MVI_1.xml:3: frame 3: width must not be negative, got -4",
        ),
        (
            '<sequence>\n<ignored_region>\n<box left="1" top="x" width="4" height="2"/>'
            "</ignored_region></sequence>",
            "MVI_1.xml:3: top must be a finite number, got 'x'",
        ),
        (
            '<sequence><frame num="3">\n<target><box left="1" top="1" width="4" height="2"/>'
            "</target></frame></sequence>",
            "MVI_1.xml:2: frame 3: attribute 'id' is missing",
        ),
        (
            '<sequence><frame num="3"><target id="4"/></frame></sequence>',
            "MVI_1.xml:1: frame 3: target without box",
        ),
        (
            '<sequence><ignored_region><box left="-inf" top="1" width="4" height="2"/>'
            "</ignored_region></sequence>",
            "MVI_1.xml:1: left must be a finite number, got '-inf'",
        ),
        (
            '<sequence><ignored_region><box top="1" width="4" height="2"/></ignored_region>'
            "</sequence>",
            "MVI_1.xml:1: attribute 'left' is missing",
        ),
        (
            '<sequence><frame num="3"/>\n<frame num="four"/></sequence>',
            "MVI_1.xml:2: num must be a whole number, got 'four'",
        ),
    ],
)
def test_invalid_annotations_are_reported(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "MVI_1.xml").write_text(content)
    with pytest.raises(ConfigError) as caught:
        read_detrac_xml(tmp_path / "MVI_1.xml")
    assert message in str(caught.value)


def test_optional_elements_and_attributes_may_be_missing(tmp_path: Path) -> None:
    box = '<box left="1" top="2" width="4" height="2"/>'
    overlap = '<occlusion><region_overlap occlusion_id="5" occlusion_status="0"/></occlusion>'
    (tmp_path / "MVI_1.xml").write_text(
        f'<sequence><frame num="3"><target id="7">{box}{overlap}</target>'
        f'<target id="5">{box}<attribute speed="4"/></target></frame></sequence>'
    )
    annotation = read_detrac_xml(tmp_path / "MVI_1.xml")
    assert (annotation.name, annotation.weather, annotation.camera_state) == ("MVI_1", None, None)
    assert annotation.vehicle_types == ("vehicle", "vehicle")
    assert (annotation.ids.tolist(), annotation.hidden.tolist()) == ([7, 5], [0, 0])
    assert annotation.regions.shape == (0, 4)


def test_box_without_area_is_not_hidden(tmp_path: Path) -> None:
    flat = target(1, 210, width=0, overlaps=overlap(200, width=30))
    (tmp_path / "MVI_1.xml").write_text(f'<sequence><frame num="1">{flat}</frame></sequence>')
    assert read_detrac_xml(tmp_path / "MVI_1.xml").hidden.tolist() == [0]


@pytest.mark.parametrize("times", [1, 2])
def test_hidden_share_counts_repeated_overlaps_once(tmp_path: Path, times: int) -> None:
    half = target(1, 210, top=50, overlaps=times * overlap(205, top=50))
    (tmp_path / "MVI_1.xml").write_text(f'<sequence><frame num="1">{half}</frame></sequence>')
    assert read_detrac_xml(tmp_path / "MVI_1.xml").hidden.tolist() == [0.5]


def test_unreadable_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^cannot read annotation \S+MVI_1\.xml: \w"):
        read_detrac_xml(tmp_path / "MVI_1.xml")
