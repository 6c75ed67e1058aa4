"""What a config places on a picture, where a frame of a moving camera shows it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from pipeline.config import DecoderConfig, RunConfig, SinkConfig
from tests.tools.commands.test_snapshot import read, run
from tools.drawing.shapes import shapes_on
from tools.drawing.view import GROUND, LINE, ZONE


def test_faults_are_those_of_the_picture_and_shapes_lie_where_the_frame_shows_them(
    tmp_path: Path,
) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (60, 80), np.uint8)
    ground = cv2.cvtColor(cv2.resize(noise, (800, 600)), cv2.COLOR_GRAY2BGR)
    cv2.imwrite(str(tmp_path / "view.png"), ground[100:580, 100:740])
    frame = cv2.resize(ground[60:540, 70:710], (320, 240))  # 30 px right, 40 down, of half the size
    lines = {"stop": (100, 200, 300, 200), "low": (0, 460, 600, 460), "out": (0, 900, 9, 900)}
    config = RunConfig(
        decoder=DecoderConfig(reference={"*": tmp_path / "view.png"}),
        sink=SinkConfig(lines={"*": lines}),
    )
    notices: list[str] = []
    shapes = shapes_on(frame, config, "north", notices.append)
    assert shapes.lines["stop"] == pytest.approx((65, 120, 165, 120), abs=1)
    assert len(notices) == 1
    assert "out" in notices[0]


def test_lines_on_a_picture_are_drawn_where_the_frame_shows_them(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (60, 80), np.uint8)
    ground = cv2.cvtColor(cv2.resize(noise, (800, 600)), cv2.COLOR_GRAY2BGR)
    cv2.imwrite(str(tmp_path / "picture.png"), ground[100:580, 100:740])
    frames = tmp_path / "flight"
    frames.mkdir()
    cv2.imwrite(str(frames / "000001.png"), ground[60:540, 70:710])  # 30 px right, 40 down
    own, output = tmp_path / "own.yaml", tmp_path / "view.png"
    lines = {"stop": [100, 200, 300, 200], "far": [-20, 460, 600, 460]}  # the latter is below it
    zones = {"queue": [[400, 100], [500, 100], [500, 300], [400, 300]]}
    square = [[100, 300, 0, 0], [200, 300, 8, 0], [200, 400, 8, 8], [100, 400, 0, 8]]
    sink = {"lines": {"*": lines}, "zones": {"*": zones}, "ground": {"*": square}}
    reference = {"*": str(tmp_path / "picture.png")}
    own.write_text(yaml.safe_dump({"sink": sink, "decoder": {"reference": reference}}))
    result = run(f"north={frames}", "--config", own, "--output", output)
    assert result.stderr == ""
    view = read(output)
    assert (view[240, 150:210] == LINE).all()
    assert (view[[150, 330]][:, [430, 530]] == ZONE).all()
    for x, y in ((130, 340), (230, 340), (230, 440), (130, 440)):
        assert (view[y, x] == GROUND).all()

    cv2.imwrite(str(frames / "000001.png"), np.roll(ground[60:540, 70:710], 300, axis=0)[::-1])
    result = run(f"north={frames}", "--config", own, "--output", output, "--overwrite")
    assert "does not show the view of" in result.stderr
    assert not (read(output) == LINE).all(axis=2).any()
