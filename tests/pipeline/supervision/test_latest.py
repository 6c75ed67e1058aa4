from pipeline.supervision.latest import Latest


def test_the_latest_hundred_are_kept():
    entries = Latest()
    for number in range(150):
        entries[f"cam-{number}"] = number
        entries["south"] = 0
    assert list(entries) == [*(f"cam-{number}" for number in range(51, 150)), "south"]


def test_every_stream_that_the_run_begins_with_has_room():
    entries = Latest(120)
    for number in range(200):
        entries[f"cam-{number}"] = number
    assert len(entries) == 120
