"""MOTChallenge result rows: ``frame,id,left,top,width,height,confidence,class,-1,-1``."""

from __future__ import annotations

import numpy as np

from stages.records import Tracks


def mot_rows(tracks: Tracks, number: int, *, with_classes: bool = False) -> str:
    """Returns the rows of one frame, sorted by id.

    Boxes have two decimals, as MOTChallenge prescribes; the confidence has four.

    Args:
        tracks: Tracks of the frame, boxes as left, top, right, bottom.
        number: 1-based frame number.
        with_classes: Whether to write the class, counted from 1 as in MOTChallenge's ground truth;
            -1 otherwise.

    Returns:
        One line for each track, each ended by a newline; "" if there are none.
    """
    order = np.argsort(tracks.ids, kind="stable")
    boxes = tracks.boxes[order].astype(np.float64)
    boxes[:, 2:] -= boxes[:, :2]
    kinds = np.full(len(order), -1)
    if with_classes:
        kinds = tracks.classes[order].astype(np.int64) + 1
    columns = zip(
        tracks.ids[order].tolist(),
        boxes.tolist(),
        tracks.scores[order].tolist(),
        kinds.tolist(),
        strict=True,
    )
    # "z" writes -0.001 as 0.00, not as -0.00.
    return "".join(
        f"{number},{identity},{left:z.2f},{top:z.2f},{width:z.2f},{height:z.2f},{score:z.4f},{kind},-1,-1\n"
        for identity, (left, top, width, height), score, kind in columns
    )
