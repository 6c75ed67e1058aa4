"""MOTChallenge result rows: ``frame,id,left,top,width,height,confidence,-1,-1,-1``."""

from __future__ import annotations

import numpy as np

from stages.records import Tracks


def mot_rows(tracks: Tracks, number: int) -> str:
    """The rows of one frame, sorted by id.

    Boxes have two decimals, as MOTChallenge prescribes; the confidence has four.

    Args:
        tracks: Tracks of the frame, boxes as left, top, right, bottom.
        number: 1-based frame number.

    Returns:
        One line for each track, each ended by a newline; "" where there is none.
    """
    order = np.argsort(tracks.ids, kind="stable")
    boxes = tracks.boxes[order].astype(np.float64)
    boxes[:, 2:] -= boxes[:, :2]
    columns = zip(
        tracks.ids[order].tolist(), boxes.tolist(), tracks.scores[order].tolist(), strict=True
    )
    # "z" writes -0.001 as 0.00, not as -0.00.
    return "".join(
        f"{number},{identity},{left:z.2f},{top:z.2f},{width:z.2f},{height:z.2f},{score:z.4f},-1,-1,-1\n"
        for identity, (left, top, width, height), score in columns
    )
