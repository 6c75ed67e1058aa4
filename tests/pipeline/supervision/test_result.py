from pipeline.supervision.result import RunResult


def test_the_streams_that_were_given_come_first_and_later_ones_keep_to_the_limit():
    result = RunResult.begun_with(2)
    result.finished.update({"added": "c", "south": "b", "north": "a"})
    result.order(["north", "gone", "south"])
    assert list(result.finished.items()) == [("north", "a"), ("south", "b"), ("added", "c")]
    result.finished.update({f"cam-{number}": "d" for number in range(200)})
    assert len(result.finished) == 100


def test_a_run_that_begins_with_many_streams_tells_of_all():
    result = RunResult.begun_with(150)
    told = (result.finished, result.failed, result.restarts)
    for number in range(150):
        for each in told:
            each[f"cam-{number}"] = number
    assert [len(each) for each in told] == [150] * 3
