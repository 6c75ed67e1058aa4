from __future__ import annotations

from pathlib import Path

import pytest

from tests.stages.decoder.conftest import write_video
from tests.tools.commands.draw.command import rows


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """A video of 30 grey frames of 128×96."""
    path = tmp_path / "grey.mp4"
    write_video(path, frames=30, width=128, height=96)
    return path


@pytest.fixture
def tracks(tmp_path: Path) -> Path:
    """One track of 30 frames, without scores."""
    path = tmp_path / "others.txt"
    path.write_text(rows(range(1, 31)))
    return path
