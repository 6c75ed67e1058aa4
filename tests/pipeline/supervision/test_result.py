from pipeline.supervision.result import RunResult


def test_given_streams_come_first_and_later_ones_are_limited():
    result = RunResult.begun_with(2)
    result.finished.update({"added": "c", "south": "b", "north": "a"})
    result.order(["north", "gone", "south"])
    assert list(result.finished.items()) == [("north", "a"), ("south", "b"), ("added", "c")]
    result.finished.update({f"cam-{number}": "d" for number in range(200)})
    assert len(result.finished) == 100


def test_result_has_room_for_all_initial_streams_of_a_run():
    result = RunResult.begun_with(150)
    mappings = (result.finished, result.failed, result.restarts)
    for number in range(150):
        for each in mappings:
            each[f"cam-{number}"] = number
    assert [len(each) for each in mappings] == [150] * 3
