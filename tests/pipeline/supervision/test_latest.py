import pytest

from pipeline.supervision.latest import Latest


def test_latest_hundred_entries_are_kept():
    entries = Latest()
    for number in range(150):
        entries[f"cam-{number}"] = number
        entries["south"] = 0
    assert list(entries) == [*(f"cam-{number}" for number in range(51, 150)), "south"]


def test_every_initial_stream_of_a_run_has_room():
    entries = Latest(120)
    for number in range(200):
        entries[f"cam-{number}"] = number
    assert len(entries) == 120


def test_the_limit_holds_however_entries_are_set():
    entries, more = Latest(), {f"cam-{number}": number for number in range(400)}
    entries.update(more)
    assert entries == {f"cam-{number}": number for number in range(300, 400)}
    for name, number in more.items():
        assert entries.setdefault(f"south-{name}", number) == number
    assert list(entries) == [f"south-cam-{number}" for number in range(300, 400)]
    with pytest.raises(TypeError, match="unsupported operand"):
        entries |= more
