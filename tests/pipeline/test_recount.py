"""Runs whose detections are the results of an earlier run."""

from stages.result_files import read_report
from tools.harness.material import detections_of, detections_setting, make_clip
from tools.harness.runner import run_with

COUNTED = [
    "sink.lines={clip: {middle: [80, 0, 80, 120]}}",
    "sink.zones={clip: {east: [[80, 0], [160, 0], [160, 120], [80, 120]]}}",
    "sink.kitti=true",
    "sink.overlay=false",
]


def test_recounting_gives_the_same_results_including_classes(tmp_path):
    clip = make_clip(tmp_path / "material", 150)
    rows = [row.split(",") for row in detections_of(clip).read_text().splitlines()]
    rows.sort(key=lambda row: (int(row[0]), -float(row[-1])))  # the order of results
    uavdt = [(frame, "-1", *box, str(1 + int(index) % 3), "-1") for frame, index, *box in rows]
    detections_of(clip).write_text("".join(f"{','.join(row)}\n" for row in uavdt))
    first, again = tmp_path / "first", tmp_path / "again"
    run_with([str(clip)], first, [detections_setting(clip), *COUNTED])
    run_with([str(clip)], again, [f"detector.detections={first}", *COUNTED])
    for name in ("mot.txt", "detections.txt", "crossings.txt", "zones.txt", "kitti.txt"):
        text = (first / "clip" / name).read_text()
        assert text
        assert (again / "clip" / name).read_text() == text
    assert len((first / "clip" / "detections.txt").read_text().split("\n")[0].split(",")) == 8
    for folder in (first, again):
        report = read_report(folder / "clip")
        assert report["class_names"] == ["car", "truck", "bus"]
