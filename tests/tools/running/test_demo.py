from stages.decoder.scene_source import DEMO_SCENE
from stages.decoder.source import FrameSelection
from stages.scene import Scene
from tools.running.demo import score_demo


def test_only_the_chosen_frames_are_scored(tmp_path):
    scene, rows = Scene(DEMO_SCENE), []
    for number in (100, 110, 120):
        frame = scene.render(number - 1)
        for identity, (left, top, right, bottom) in zip(frame.ids, frame.boxes, strict=True):
            rows.append(f"{number},{identity},{left},{top},{right - left},{bottom - top},1,-1\n")
    (tmp_path / "mot.txt").write_text("".join(rows))
    score = score_demo(tmp_path, FrameSelection(100, 125, 10))
    assert (score.mota, score.idf1) == (1, 1)
    assert score.vehicles == len({row.split(",")[1] for row in rows})
