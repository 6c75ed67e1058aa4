import pytest

from tools.segmentation.measure import main


def test_another_camera_is_refused(monkeypatch):
    monkeypatch.setattr("sys.argv", ["measure", "dron"])
    with pytest.raises(SystemExit, match=r"one of intersection, drone.* got dron"):
        main()
