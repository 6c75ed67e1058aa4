import os
import platform
import subprocess
import sys

import pytest

FAULTS_OF_FIVE_FRAMES = """
import resource
import statistics
import sys

import numpy as np

from pathlib import Path
from stages.detector.engines import build_engine, torch_engine

if "kept" not in sys.argv:
    torch_engine.keep_freed_memory = lambda: None
engine = build_engine(Path(sys.argv[1]), "torch", precision="float32", device="cpu")
images = np.zeros((1, 448, 768, 3), np.uint8)
faults = [resource.getrusage(resource.RUSAGE_SELF).ru_minflt]
for _ in range(5):
    for _ in range(5):
        engine.detect(images)
    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
later = [after - before for before, after in zip(faults[1:], faults[2:])]
print(statistics.median(later))
"""


# By itself, glibc adapts the threshold, and at times happens to keep what is freed.
RETURNED = {"GLIBC_TUNABLES": "glibc.malloc.mmap_threshold=131072"}


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="of glibc's allocator")
def test_pages_are_touched_for_the_first_time_only_once(weights):
    def faults(*arguments):
        command = [sys.executable, "-c", FAULTS_OF_FIVE_FRAMES, str(weights), *arguments]
        done = subprocess.run(
            command, check=True, capture_output=True, text=True, env=os.environ | RETURNED
        )
        return float(done.stdout)

    assert faults("kept") < faults() / 5
