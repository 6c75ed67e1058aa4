from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from msgspec import structs

from pipeline.config import DecoderConfig, RunConfig
from pipeline.transport.logbook import Logbook, SharedNumber
from pipeline.workers import decoder as decoder_worker
from pipeline.workers.backlog import Backlog
from pipeline.workers.camera_estimates import CameraEstimates
from pipeline.workers.waiting import Waiting
from stages.decoder import camera_motion, reference_view
from stages.decoder.camera_motion import small_gray
from stages.records import Dropped, DropReason, Frame
from tests.pipeline.workers.conftest import ReportLog
from tests.pipeline.workers.scripted_source import RecordingSender, Script, decoder_plan, read


@pytest.mark.parametrize("estimate", ["camera_motion", "reference"])
def test_camera_motion_and_the_search_for_the_view_count_as_work(tmp_path, monkeypatch, estimate):
    plan = decoder_plan(tmp_path)
    image = np.random.default_rng(0).integers(0, 256, (90, 160, 3), np.uint8)
    assert cv2.imwrite(f"{plan.output}/view.png", image)
    value = {"camera_motion": True, "reference": {"cam": Path(plan.output) / "view.png"}}[estimate]
    plan = structs.replace(plan, config=RunConfig(decoder=DecoderConfig(**{estimate: value})))
    worked = [0]

    def counted(frame):
        worked[0] += 7
        return small_gray(frame)

    for module in (camera_motion, reference_view):
        monkeypatch.setattr(module, "small_gray", counted)
    sender = RecordingSender()
    source = Script([Frame.of_image(image, "cam", 0)], sender)
    read(plan, source, sender, lambda: worked[0])
    assert sender.elapsed == [7]


@pytest.mark.parametrize(
    ("location", "lossless", "drops"),
    [("rtsp://cam", False, True), ("rtsp://cam", True, False), ("cam.mp4", False, False)],
)
def test_only_frames_of_a_live_source_are_dropped_and_the_next_motion_spans_them(
    tmp_path, monkeypatch, location, lossless, drops
):
    plan = decoder_plan(tmp_path)
    Logbook(plan.logbook(0))[SharedNumber.LOSSLESS] = lossless
    stream = structs.replace(plan.streams[0], location=location)
    config = RunConfig(decoder=DecoderConfig(camera_motion=True))
    plan = structs.replace(plan, streams=[stream], config=config)
    now = [0]

    def counted(frame):
        now[0] += 400_000_000
        return small_gray(frame)

    monkeypatch.setattr(camera_motion, "small_gray", counted)
    monkeypatch.setattr(decoder_worker, "Backlog", lambda: Backlog(lambda: now[0]))
    noise = np.random.default_rng(0).integers(0, 256, (200, 400), np.uint8)
    ground = cv2.cvtColor(cv2.GaussianBlur(noise, (0, 0), 3), cv2.COLOR_GRAY2BGR)
    ground = cv2.normalize(ground, None, 0, 255, cv2.NORM_MINMAX)
    sender = RecordingSender()
    waiting = Waiting(sender.stop, ReportLog())

    def images():
        for number in range(8):
            if number >= 6:  # the source has to be waited for
                waiting.waited_ns += 10**9
            image = np.ascontiguousarray(ground[:, 50 - 2 * number : 350 - 2 * number])
            yield Frame.of_image(image, "cam", number)

    read(plan, Script(images(), sender), sender, waiting=waiting)
    sent = [each.header.sequence for each in sender.records if isinstance(each, Frame)]
    dropped = [each for each in sender.records if isinstance(each, Dropped)]
    behind = [Dropped("cam", 0, each, each, DropReason.BEHIND) for each in (3, 4, 5)]
    assert dropped == behind * drops
    assert sent == ([0, 1, 2, 6, 7] if drops else [*range(8)])
    shifts = [motion[0, 2] for motion in sender.motions[1:]]
    assert shifts == pytest.approx([2, 2, 8, 2] if drops else [2] * 7, abs=0.1)


def test_without_estimates_every_frame_is_sent(tmp_path, monkeypatch):
    plan = decoder_plan(tmp_path)
    Logbook(plan.logbook(0))[SharedNumber.LOSSLESS] = False
    plan = structs.replace(plan, streams=[structs.replace(plan.streams[0], location="rtsp://cam")])
    always = SimpleNamespace(drops=lambda waited_ns: True)
    monkeypatch.setattr(decoder_worker, "Backlog", lambda: always)
    sender = RecordingSender()
    image = np.zeros((90, 160, 3), np.uint8)
    read(plan, Script([Frame.of_image(image, "cam", 0)], sender), sender)
    assert isinstance(sender.records[0], Frame)


@pytest.mark.parametrize("passes", [False, True])
def test_frames_that_are_passed_over_reach_motion_and_view(tmp_path, passes):
    """A blank first frame of a block: after it, the next one is not searched for the view."""
    noise = np.random.default_rng(0).integers(0, 256, (60, 120), np.uint8)
    image = cv2.cvtColor(cv2.resize(noise, (480, 240)), cv2.COLOR_GRAY2BGR)
    cv2.imwrite(str(tmp_path / "view.png"), image)
    config = DecoderConfig(camera_motion=True, reference={"cam": tmp_path / "view.png"})
    estimates = CameraEstimates(config, "cam", print)
    estimates.of(Frame.of_image(image, "cam", 1))
    if passes:
        estimates.pass_over(Frame.of_image(np.full_like(image, 90), "cam", 12))
    header, motion = estimates.of(Frame.of_image(image, "cam", 13))
    assert (bool(header.view), motion is not None) == (not passes, not passes)
