from __future__ import annotations

from tools.evaluation.clear import ClearResult
from tools.evaluation.hota import HotaResult
from tools.evaluation.tracking import TrackingResult


def test_results_are_summed_field_by_field() -> None:
    first = TrackingResult(clear=ClearResult(true_positives=1, id_switches=2, iou_sum=0.5))
    second = TrackingResult(clear=ClearResult(true_positives=3, iou_sum=0.25))
    first.hota.iou_sum[:] = 1
    second.hota.iou_sum[:] = 2
    both = first + second
    assert both.clear == ClearResult(true_positives=4, id_switches=2, iou_sum=0.75)
    assert both.hota.iou_sum.tolist() == [3.0] * 19
    assert type(both) is TrackingResult


def test_results_with_arrays_never_compare_equal() -> None:
    assert HotaResult() != HotaResult()
    assert ClearResult(true_positives=1) != ClearResult()
