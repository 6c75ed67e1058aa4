"""Writes scenes as in MOTChallenge: ``NAME/img1``, ``NAME/gt/gt.txt``, ``NAME/seqinfo.ini``."""

from __future__ import annotations

from pathlib import Path

from stages.scene import Scene
from tools.synth.options import SynthOptions
from tools.synth.scene_folder import SceneFolder
from tools.synth.truth import SceneTruth


class MotWriter:
    """Writes one scene, which counts as complete once its folder has its final name.

    Args:
        root: Root of the data set.
        name: Name of the scene.
        options: Rate and size of the images, for ``seqinfo.ini``.
    """

    def __init__(self, root: Path, name: str, options: SynthOptions) -> None:
        self._name, self._options = name, options
        self._folder = SceneFolder(root / name)

    @staticmethod
    def is_complete(root: Path, name: str) -> bool:
        """Returns whether the scene was written before."""
        return (root / name).is_dir()

    def add(self, number: int, jpeg: bytes, mask: bytes) -> None:
        """Writes an image, whose number counts from 1; MOTChallenge has no masks."""
        self._folder.write(f"img1/{number:06d}.jpg", jpeg)

    def commit(self, truth: SceneTruth) -> None:
        """Writes the ground truth and completes the scene."""
        self._folder.write("gt/gt.txt", ground_truth_rows(truth).encode())
        classes = ",".join(Scene.class_names)
        info = (
            f"[Sequence]\nname={self._name}\nimDir=img1\n"
            f"frameRate={float(self._options.frame_rate):g}\nseqLength={len(truth.frames)}\n"
            f"imWidth={self._options.width}\nimHeight={self._options.height}\nimExt=.jpg\n"
            f"classes={classes}\n"
        )
        self._folder.write("seqinfo.ini", info.encode())
        self._folder.commit()

    def discard(self) -> None:
        """Removes incomplete files."""
        self._folder.discard()


def ground_truth_rows(truth: SceneTruth) -> str:
    """Returns rows ``frame,id,left,top,width,height,considered,class,visibility``, sorted.

    ``considered`` is 0 for vehicles that are too hidden or too small for the scene's own list.
    The class is 1 car, 2 van, 3 truck, 4 bus; ``visibility`` is the share that is neither hidden
    nor outside the frame.
    """
    rows = []
    for number, frame in enumerate(truth.frames, 1):
        for row, identity in enumerate(frame.ids.tolist()):
            left, top, right, bottom = frame.boxes[row].astype(float)
            seen = float(frame.visibility[row]) * (1 - float(frame.truncation[row]))
            rows.append(
                f"{number},{identity},{left:.2f},{top:.2f},{right - left:.2f},{bottom - top:.2f},"
                f"{int(frame.easy[row])},{frame.classes[row] + 1},{seen:.3f}\n"
            )
    return "".join(rows)
