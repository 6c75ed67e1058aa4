import pytest

from stages.detector.latest import Latest


def test_the_keys_used_last_are_kept():
    latest = Latest(2)
    for key in "ab":
        assert latest.keep(key, key * 2) == key * 2
    assert latest.get("a") == "aa"  # so that b is the one not used for longest
    latest.keep("c", "cc")
    assert (latest.get("a"), latest.get("b"), latest.get("c")) == ("aa", None, "cc")


def test_another_value_of_a_key_pushes_out_no_other():
    latest = Latest(2)
    for key, value in [("a", 1), ("b", 2), ("b", 3)]:
        latest.keep(key, value)
    assert (latest.get("a"), latest.get("b"), len(latest)) == (1, 3, 2)


def test_none_at_all_cannot_be_kept():
    with pytest.raises(ValueError, match="kept must be at least 1, got 0"):
        Latest(0)
