"""``spotstream draw`` on small videos."""

from __future__ import annotations

import subprocess
from functools import partial
from pathlib import Path

import av
import numpy as np
from typer.testing import CliRunner, Result

from tests.tools.invoking import output_of
from tests.tools.processes import run_python
from tools.main import app

SIGNALLED = """
import os
from pipeline import signals
from tools.drawing.drawing import TrackDrawing
from tools.main import main

signals._ONE_REQUEST_SECONDS = 0  # two signals are two requests
draw_frame = TrackDrawing._draw_frame

def signalled(self, frame, writer):
    draw_frame(self, frame, writer)
    if self.frames == 10:
        for number in {numbers}:
            os.kill(os.getpid(), number)

TrackDrawing._draw_frame = signalled
main()
"""

draw = partial(output_of, "draw")


def rows(numbers: range) -> str:
    return "".join(f"{number},7,{2 * number},40,30,20\n" for number in numbers)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["draw", *map(str, arguments)])


def signalled(numbers: list[int], *arguments: object) -> subprocess.CompletedProcess[str]:
    """Runs the command, which gets signals after its tenth frame."""
    return run_python("-c", SIGNALLED.format(numbers=[*map(int, numbers)]), "draw", *arguments)


def luma(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        planes = (frame.to_ndarray()[: frame.height] for frame in container.decode(video=0))
        return [*planes]


def hidden(folder: Path) -> list[Path]:
    return [*folder.glob(".*")]
