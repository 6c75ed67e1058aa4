"""``spotstream evaluate``: scores detections and tracks against ground truth."""

from __future__ import annotations

import typer

from tools.commands.evaluate.benchmarks import detections_and_tracks
from tools.commands.evaluate.coco import coco

evaluate = typer.Typer(
    name="evaluate", no_args_is_help=True, help="Score detections and tracks against ground truth."
)
evaluate.command(
    "detrac",
    help="UA-DETRAC: AP at IoU 0.7 and 0.5, CLEAR, IDF1 and the PR protocol at 0.7, HOTA over 0.05 "
    "to 0.95.",
)(detections_and_tracks)
evaluate.command(
    "uavdt",
    help="UAVDT: AP at IoU 0.7 and 0.5, CLEAR and IDF1 at 0.5, the PR protocol at 0.7, HOTA over "
    "0.05 to 0.95.",
)(detections_and_tracks)
evaluate.command(
    "mot",
    help="MOTChallenge: HOTA, CLEAR and IDF1 of tracks, identical to TrackEval's. Detections are "
    "tracked, but not scored themselves.",
)(detections_and_tracks)
evaluate.command("coco")(coco)
