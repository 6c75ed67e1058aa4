"""Environments of third-party packages, and runs of their trackers in them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import venv
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stages.atomic import make_folder, write_atomically, writing
from stages.detector.detection_file import DetectionFile
from stages.errors import SpotStreamError
from stages.file_lock import lock
from tools.annotations.trajectories import Trajectories

DRIVER = Path(__file__).with_name("peer_trackers.py")
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

# Packages installed in each environment. boxmot depends on PyTorch.
REQUIREMENTS: dict[str, tuple[str, ...]] = {
    "roboflow": ("trackers>=2.1", "supervision", "opencv-python-headless"),
    "supervision": ("supervision<0.28", "opencv-python-headless"),
    "boxmot": ("boxmot>=25",),
    "norfair": ("norfair>=2.1",),
    "reference": ("filterpy>=1.4.5", "lap"),
    "imagezmq": ("imagezmq>=1.2", "opencv-python-headless"),
    "vidgear": ("vidgear>=0.3.6", "pyzmq", "simplejpeg", "opencv-python-headless"),
    "ffmpeg": ("imageio-ffmpeg>=0.5",),
}

Frames = Sequence[tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]]


@dataclass(frozen=True, slots=True)
class Peer:
    """A third-party tracker, with the best of the settings tried on the eight UAVDT sequences.

    Attributes:
        name: Name of its function in ``peer_trackers.py``.
        kind: The tracker of ours that it is compared with.
        environment: Key of `REQUIREMENTS`.
        min_score: Minimum score of its input detections.
        settings: Arguments of its function.
    """

    name: str
    kind: str
    environment: str
    min_score: float
    settings: Mapping[str, object] = field(default_factory=dict)


PEERS = (
    Peer("roboflow_sort", "sort", "roboflow", 0.3),
    Peer(
        "roboflow_bytetrack",
        "bytetrack",
        "roboflow",
        0.1,
        {"high_conf_det_threshold": 0.4, "track_activation_threshold": 0.5},
    ),
    Peer(
        "supervision_bytetrack",
        "bytetrack",
        "supervision",
        0.1,
        {"track_activation_threshold": 0.3},
    ),
    Peer("boxmot_bytetrack", "bytetrack", "boxmot", 0.1, {"track_thresh": 0.3}),
    Peer("boxmot_ocsort", "ocsort", "boxmot", 0.3),
    Peer(
        "boxmot_botsort",
        "spottrack",
        "boxmot",
        0.05,
        {"track_high_thresh": 0.4, "new_track_thresh": 0.5, "track_low_thresh": 0.05},
    ),
    Peer("norfair", "sort", "norfair", 0.3, {"hit_counter_max": 30, "initialization_delay": 3}),
)


def reference_sort(folder: Path) -> Peer:
    """Returns abewley/sort, from a clone in ``folder``: it is GPL and not on PyPI."""
    settings = {"path": str(folder.absolute()), "max_age": 30}
    return Peer("reference_sort", "sort", "reference", 0.3, settings)


def frames_of(file: DetectionFile) -> Frames:
    """Returns the boxes and scores of every frame."""
    return [
        (found.boxes.astype(np.float64), found.scores.astype(np.float64)) for found in file.frames()
    ]


def peer_python(
    folder: Path, environment: str, progress: Callable[[str], None] = lambda stage: None
) -> Path:
    """Returns the Python of an environment below ``folder``.

    The environment is created if it is missing, incomplete or has other packages. If another
    process is creating it, this one waits.

    Args:
        folder: Folder of the environments.
        environment: A key of `REQUIREMENTS`.
        progress: Called if the environment is created, which may take minutes.

    Raises:
        OutputError: ``folder`` cannot be written.
        SpotStreamError: Its packages cannot be installed, or its path holds something else.
    """
    home = folder.absolute() / environment
    python, installed = home / "bin" / "python", home / "installed"
    wanted = "\n".join(REQUIREMENTS[environment]) + "\n"

    def is_complete() -> bool:
        return python.exists() and installed.exists() and installed.read_text() == wanted

    if is_complete():  # perhaps in a read-only folder
        return python
    make_folder(folder)
    with _locked(home.with_name(f".{environment}.lock")):
        if not is_complete():
            if home.exists() and any(home.iterdir()) and not (home / "pyvenv.cfg").exists():
                raise SpotStreamError(
                    f"{home} exists and is not an environment; choose another --peers"
                )
            progress(f"installing {environment}")
            try:
                _install(environment, home, python)
                write_atomically(installed, wanted)
            except BaseException:  # interrupts too: a partial environment can take gigabytes
                shutil.rmtree(home, ignore_errors=True)
                raise
    return python


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Holds the lock of this file in the block, after waiting for any other process."""
    with writing(path):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        lock(descriptor, wait=True)
        yield
    finally:
        os.close(descriptor)


def _install(environment: str, home: Path, python: Path) -> None:
    temporary = home / "tmp"  # pip's folders, which it leaves behind if it is killed
    try:
        with writing(home):
            venv.create(home, clear=True)
            temporary.mkdir()
            for module in (["ensurepip"], ["pip", "install", "-q", *REQUIREMENTS[environment]]):
                subprocess.run(
                    [python, "-I", "-m", *module],
                    check=True,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, "TMPDIR": str(temporary)},
                )
            shutil.rmtree(temporary)
    except subprocess.CalledProcessError as error:  # from ensurepip or pip
        lines = error.output.decode(errors="replace").split("\n")
        output = [line.strip() for line in lines if line.strip()] or ["no message"]
        reason = ([line for line in output if "error" in line.lower()] or output)[-1]
        raise SpotStreamError(f"cannot install {environment}: {reason}") from error


def failure_of(name: str, stderr: str) -> SpotStreamError:
    """Returns the error for a failed program: its last line, ignoring ffmpeg's measurements."""
    lines = [line for line in stderr.strip().splitlines() if not line.startswith("bench: ")]
    reason = lines[-1] if lines else "no message"
    if reason.startswith(("ModuleNotFoundError", "ImportError")):
        reason += "; remove its folder in --peers, and it is installed again"
    return SpotStreamError(f"{name} failed: {reason}")


def run_peer(
    peer: Peer, python: Path, frames: Frames
) -> tuple[npt.NDArray[np.float64], Trajectories]:
    """Returns the tracker's seconds ``(F,)`` per frame, on one thread, and its tracks.

    The tracker gets the detections that reach its ``min_score``.

    Raises:
        SpotStreamError: The tracker failed; the message is its last line of output.
    """
    kept = [scores >= peer.min_score for _, scores in frames]
    frames = [
        (boxes[chosen], scores[chosen])
        for (boxes, scores), chosen in zip(frames, kept, strict=True)
    ]
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "input.npz"), Path(folder, "output.npz")
        np.savez(
            source,
            counts=np.array([len(scores) for _, scores in frames], np.int64),
            boxes=np.concatenate([np.empty((0, 4)), *(boxes for boxes, _ in frames)]),
            scores=np.concatenate([np.empty(0), *(scores for _, scores in frames)]),
        )
        done = subprocess.run(
            [python, "-I", DRIVER, peer.name, source, target, json.dumps(dict(peer.settings))],
            env={**os.environ, **ONE_THREAD},
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise failure_of(peer.name, done.stderr)
        with np.load(target) as output:
            rows = output["rows"]
            tracks = Trajectories.from_arrays(rows[:, 0], rows[:, 1], rows[:, 2:])
            return output["seconds"], tracks
