from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from stages.errors import SourceError, SpotStreamError
from tests.limits import limited_files
from tools.bench import soak as soaks
from tools.bench.soak import Soak, bench_soak, soak_reconnects
from tools.harness.material import make_clip
from tools.harness.rtsp import available

needs_server = pytest.mark.skipif(not available(), reason="GStreamer's RTSP server is not here")


@pytest.mark.parametrize(
    "run",
    [
        partial(bench_soak, 200),
        pytest.param(partial(soak_reconnects, 6), marks=needs_server),
    ],
)
def test_failing_run_reports_its_reason(
    run: Callable[[], Soak], monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = contextlib.ExitStack()

    def make_clip_then_limit_files(folder: Path, frames: int, *size: int) -> Path:
        clip = make_clip(folder, frames, *size)
        limit.enter_context(limited_files(2000))
        return clip

    monkeypatch.setattr(soaks, "make_clip", make_clip_then_limit_files)
    with pytest.raises(SpotStreamError, match="file too large") as caught, limit:
        run()
    assert caught.value.exit_code == SourceError.exit_code


@needs_server
def test_every_process_is_monitored_across_reconnects() -> None:
    messages: list[str] = []
    soak = soak_reconnects(6, progress=messages.append)
    assert soak.count == 6
    assert messages[-1] == "soak: 6 of 6 reconnects"
    (decoder,) = (name for name in soak.slopes if name.startswith("decoder of "))
    assert set(soak.slopes) == {"supervisor", decoder, "detector", "tracker", "sink"}
    assert set(soak.descriptors) == set(soak.slopes)
