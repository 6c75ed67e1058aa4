"""A run whose network searches only a region of some streams."""

import cv2
import numpy as np
import pytest

from stages.result_files import DETECTIONS, TRACKS, read_report
from stages.scene import Scene, SceneConfig
from tests.pipeline.disturbed import kill
from tools.harness.runner import run_with

FRAMES = 24
PARTS = {"north": np.s_[:128], "east": np.s_[:, 160:]}
OFFSETS = {"north": (0, 0), "east": (160, 0)}
REGIONS = (
    "detector.regions={north: [0, 0, 320, 128], east: [160, 0, 999, 999], away: [0, 192, 9, 300]}"
)


@pytest.fixture(scope="module")
def material(tmp_path_factory):
    """A folder of images, and folders of their parts."""
    folder = tmp_path_factory.mktemp("material")
    scene = Scene(SceneConfig(seed=2, width=320, height=192, frames=FRAMES, vehicles=120))
    for name, part in (("whole", np.s_[:]), *PARTS.items()):
        (folder / name).mkdir()
        for number in range(FRAMES):
            cv2.imwrite(str(folder / name / f"{number:02}.png"), scene.render(number).image[part])
    return folder


def rows(folder, name):
    return np.loadtxt(folder / name, delimiter=",", ndmin=2)


def test_streams_of_different_regions_give_the_results_of_their_parts(material, tmp_path):
    """Even if the detector is killed; a region outside the frames fails its stream alone."""
    sources = [f"{name}={material / 'whole'}" for name in (*PARTS, "away")]
    sources += [f"{name}-part={material / name}" for name in PARTS]
    network = ["detector.weights=nano", "detector.engine=torch", "detector.threads=2"]
    settings = [*network, REGIONS, "sink.overlay=false", "runtime.slots=4"]
    result = run_with(sources, tmp_path, settings, kill("detector", at=[10]))
    assert (result.exit_code, result.restarts) == (2, {"detector": 1})
    assert result.failed == {
        "away": "detector.regions: [0, 192, 9, 300] has 10x0 pixels in frames of 320x192; "
        "at least 16x16 are needed"
    }
    for name in PARTS:
        of_region, of_part = tmp_path / name, tmp_path / f"{name}-part"
        moved = np.zeros(rows(of_part, DETECTIONS).shape[1])
        moved[2:4] = OFFSETS[name]
        expected = rows(of_part, DETECTIONS) + moved
        assert len(expected) > FRAMES
        np.testing.assert_allclose(rows(of_region, DETECTIONS), expected, atol=0.011)
        np.testing.assert_array_equal(
            rows(of_region, TRACKS)[:, :2], rows(of_part, TRACKS)[:, :2]
        )  # frames and ids
        assert read_report(of_region)["frames"]["out"] == FRAMES
