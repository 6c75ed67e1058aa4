import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from stages.detector.shipped import find_weights

FAULTS_OF_A_FRAME = """
import resource
import statistics
import sys

import numpy as np

from pathlib import Path
from stages.detector.engines import build_engine, torch_engine

keep_freed_memory = torch_engine.keep_freed_memory
images = np.zeros((1, 256, 384, 3), np.uint8)
for keep in (lambda: None, keep_freed_memory):
    torch_engine.keep_freed_memory = keep
    engine = build_engine(Path(sys.argv[1]), "torch", precision="float32", device="cpu")
    faults = []
    for _ in range(6):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        engine.detect(images)
        faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
    print(statistics.median(faults[3:]))
"""


# By default, glibc adapts the threshold and sometimes happens to keep freed memory.
RETURNED = {"GLIBC_TUNABLES": "glibc.malloc.mmap_threshold=131072"}


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="of glibc's allocator")
def test_keeping_freed_memory_avoids_repeated_page_faults():
    done = subprocess.run(
        [sys.executable, "-c", FAULTS_OF_A_FRAME, str(find_weights(Path("nano")))],
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | RETURNED,
    )
    returned, kept = map(float, done.stdout.split())
    assert kept < returned / 5
