from dataclasses import replace

import cv2
import numpy as np
import pytest

from stages.decoder.reference_view import PERIOD, ReferenceView
from stages.errors import SourceError
from stages.records import Frame
from stages.views import to_picture

SIZE = 960, 544
POINTS = np.array([(x, y) for x in range(100, 900, 100) for y in range(100, 500, 100)], float)


def ground(seed, contrast=1.0):
    """Blotches of all sizes, as of grass, asphalt and roofs."""
    noise = np.random.default_rng(seed).integers(0, 256, (544, 960), np.uint8)
    image = sum(cv2.GaussianBlur(noise, (0, 0), blur) * blur for blur in (2.0, 6.0, 18.0))
    span = 90 * contrast
    gray = cv2.normalize(image, None, 130 - span, 130 + span, cv2.NORM_MINMAX, cv2.CV_8U)
    return cv2.cvtColor(gray, cv2.COLOR_GRAY2BGR)


def moved(number):
    """The homography from the picture's pixels to the frame's, of a camera that drifts."""
    angle = 0.002 * number
    turned = np.array(
        [[np.cos(angle), -np.sin(angle), 3 * number], [np.sin(angle), np.cos(angle), number]]
    )
    return np.vstack([turned, [2e-7 * number, 1e-7 * number, 1]])


def frame(image, number, rain=0):
    """Frame ``number``, in which rain falls."""
    seen = cv2.warpPerspective(image, moved(number), SIZE, borderMode=cv2.BORDER_REFLECT)
    rng = np.random.default_rng(number)
    for x, y in rng.integers(0, SIZE, (rain, 2)).tolist():
        cv2.line(seen, (x, y), (x + 2, y + 18), (190, 190, 190), 1)
    whole = Frame.of_image(seen)
    return replace(whole, header=replace(whole.header, sequence=number))


def error(view, number):
    """The mean distance in pixels between the true places of points and those found."""
    true = cv2.perspectiveTransform(POINTS[None], np.linalg.inv(moved(number)))[0]
    return np.linalg.norm(to_picture(view, POINTS)[0] - true, axis=1).mean()


@pytest.fixture
def picture(tmp_path):
    cv2.imwrite(str(tmp_path / "view.png"), ground(1))
    return tmp_path / "view.png"


@pytest.mark.parametrize(("contrast", "rain"), [(1.0, 0), (0.3, 800)])
def test_views_are_found_without_errors_that_add_up_even_in_rain(tmp_path, contrast, rain):
    image = ground(1, contrast)
    cv2.imwrite(str(tmp_path / "view.png"), image)
    reference = ReferenceView(tmp_path / "view.png")
    found = {number: reference.find(frame(image, number, rain)) for number in range(30)}
    assert max(error(view, number) for number, view in found.items()) < 1.0


@pytest.mark.parametrize("missing", [(), (PERIOD,), (PERIOD, PERIOD + 1)])
def test_views_do_not_depend_on_frames_of_earlier_blocks(picture, missing):
    calm, late = ReferenceView(picture), ReferenceView(picture)
    numbers = [number for number in range(PERIOD + 4) if number not in missing]
    frames = [frame(ground(1), number) for number in numbers]
    views = [calm.find(each) for each in frames]
    for each in frames[3:-1]:  # as a decoder that replaces another one
        late.pass_over(each)
    assert late.find(frames[-1]) == views[-1] != ()


def test_another_view_is_not_found_right_after_a_cut_nor_later(picture):
    reference = ReferenceView(picture)
    assert reference.find(frame(ground(1), 0))
    assert {reference.find(frame(ground(2), number)) for number in range(1, PERIOD + 2)} == {()}
    again = [reference.find(frame(ground(1), number)) for number in range(PERIOD + 2, PERIOD + 6)]
    assert [bool(view) for view in again] == [False, False, True, True]  # every fourth is tried


def test_views_are_the_same_after_a_restart_while_the_picture_is_not_found(picture):
    calm, late = ReferenceView(picture), ReferenceView(picture)
    frames = [frame(ground(1 + (number < 17)), number) for number in range(12, 22)]
    views = [calm.find(each) for each in frames]
    assert [bool(view) for view in views] == [False] * 8 + [True] * 2
    for each in frames[:7]:
        late.pass_over(each)
    assert [late.find(each) for each in frames[7:]] == views[7:]


def test_frames_of_another_size_are_found_on_the_picture(picture):
    half = cv2.resize(frame(ground(1), 5).required_pixels(), (480, 272))
    view = ReferenceView(picture).find(Frame.of_image(half))
    assert np.shape(view) == (9,)
    halved = np.reshape(view, (3, 3)) @ np.diag((0.5, 0.5, 1))
    assert error(tuple(halved.ravel()), 5) < 1.0


def test_pictures_that_cannot_be_used_are_refused(tmp_path):
    cv2.imwrite(str(tmp_path / "flat.png"), np.full((544, 960, 3), 90, np.uint8))
    (tmp_path / "text.png").write_text("text")
    for name, why in (
        ("flat", "shows too little"),
        ("text", "cannot be read"),
        ("no", "cannot be"),
    ):
        with pytest.raises(SourceError, match=rf"^decoder\.reference: .*{name}\.png {why}"):
            ReferenceView(tmp_path / f"{name}.png")


def test_a_new_epoch_begins_a_search_by_features(picture):
    reference = ReferenceView(picture)
    assert reference.find(frame(ground(1), 1))
    assert reference.find(frame(ground(2), 2)) == ()
    later = frame(ground(1), 3)
    later = replace(later, header=replace(later.header, epoch=1))
    assert error(reference.find(later), 3) < 0.5
