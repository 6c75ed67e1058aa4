"""``spotstream bench``: measures speed side by side."""

from __future__ import annotations

import typer

from tools.commands.bench.detectors import bench_curve, bench_detectors
from tools.commands.bench.pipeline import bench_all, bench_pipeline, bench_soak, bench_streams
from tools.commands.bench.stages import bench_decode, bench_sink, bench_transport
from tools.commands.bench.trackers import bench_scores, bench_trackers

bench = typer.Typer(name="bench", no_args_is_help=True, help="Measure speed side by side.")
bench.command("pipeline")(bench_pipeline)
bench.command("transport")(bench_transport)
bench.command("decode")(bench_decode)
bench.command("detect")(bench_detectors)
bench.command("curve")(bench_curve)
bench.command("track")(bench_trackers)
bench.command("scores")(bench_scores)
bench.command("sink")(bench_sink)
bench.command("streams")(bench_streams)
bench.command("soak")(bench_soak)
bench.command("all")(bench_all)
