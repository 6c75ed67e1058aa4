import pytest

from stages.wording import as_setting, counted, drawable


def test_only_a_count_of_one_is_singular():
    assert [counted(count, "frame") for count in (0, 1, 2)] == ["0 frames", "1 frame", "2 frames"]
    assert counted(1, "box", "boxes") == "1 box"
    assert counted(12345, "box", "boxes", form=",") == "12,345 boxes"


def test_setting_values_are_shown_as_users_write_them():
    values = ("gray", 0.5, True, None, [1, 2])
    assert [as_setting(value) for value in values] == ["gray", "0.5", "true", "null", "[1, 2]"]


@pytest.mark.parametrize(
    ("text", "drawn"),
    [
        ("Kreuzung Süd, Fußgänger", "Kreuzung Sud, Fussganger"),
        ("São José №1", "Sao Jose No1"),
        ("północ 2 ½", "po?noc 2 1?2"),
        ("北 line", "? line"),
        ("a\tb~", "a?b~"),
    ],
)
def test_drawable_text_has_no_accents(text, drawn):
    assert drawable(text) == drawn
