from __future__ import annotations

from pathlib import Path

import pytest

from tools.synth.options import SynthOptions, claim_folder
from tools.synth.render import render_scene

OPTIONS = SynthOptions(
    frames=3, every=20, width=320, height=192, view="intersection", light="day", format="both"
)
SEEDS = (1, 2)


@pytest.fixture(scope="session")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Renders two scenes as UA-DETRAC and as MOT; tests must not change them."""
    folder = tmp_path_factory.mktemp("synth")
    claim_folder(folder, OPTIONS)
    for seed in SEEDS:
        render_scene(folder, OPTIONS, seed)
    return folder
