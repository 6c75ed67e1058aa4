from stages.wording import counted


def test_one_is_singular_and_all_else_plural():
    assert [counted(count, "frame") for count in (0, 1, 2)] == ["0 frames", "1 frame", "2 frames"]
    assert counted(1, "box", "boxes") == "1 box"
    assert counted(12345, "box", "boxes", form=",") == "12,345 boxes"
