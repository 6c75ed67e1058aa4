import pytest

from pipeline.supervision.result import RunResult
from tools.running.run import run_pipeline


@pytest.mark.parametrize(
    "other",
    [["photos/img00001.jpg"], ["camera/recording.json", "camera/00000000-e0-20260101T000000Z.mkv"]],
)
def test_skipped_videos_are_reported_with_the_reason(tmp_path, monkeypatch, capsys, other):
    for name in other:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / name).touch()
    monkeypatch.setattr("tools.running.run.Supervisor.run", lambda self: RunResult())
    monkeypatch.setattr("tools.running.run.set_up_logging", lambda *given, **named: None)
    options = {"overwrite": False, "stay": False, "json_log": False, "debug": False}
    run_pipeline([str(tmp_path)], tmp_path / "out", [], [], **options)
    printed = " ".join(capsys.readouterr().err.split())
    why = "because images, recordings or other videos in the given folder come first"
    how = "to read them, name them as well"
    assert f"{tmp_path}/a.mp4 and 1 more are left out, {why}; {how}" in printed
