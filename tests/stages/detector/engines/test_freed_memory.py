import platform
import subprocess
import sys

import pytest

FAULTS_OF_TEN_FRAMES = """
import resource
import sys

import numpy as np

from pathlib import Path
from stages.detector.engines import build_engine, torch_engine

if "kept" not in sys.argv:
    torch_engine.keep_freed_memory = lambda: None
engine = build_engine(Path(sys.argv[1]), "torch", precision="float32", device="cpu")
images = np.zeros((1, 448, 768, 3), np.uint8)
for frames in (5, 10):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(frames):
        engine.detect(images)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="of glibc's allocator")
def test_pages_are_touched_for_the_first_time_only_once(weights):
    def faults(*arguments):
        command = [sys.executable, "-c", FAULTS_OF_TEN_FRAMES, str(weights), *arguments]
        return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    assert faults("kept") < 1000
    assert faults() > 5000
