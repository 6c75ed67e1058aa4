from pipeline.supervision.result import RunResult


def test_the_streams_that_were_given_come_first_and_later_ones_keep_to_the_limit():
    result = RunResult.begun_with(2)
    result.finished.update({"added": "c", "south": "b", "north": "a"})
    result.order(["north", "gone", "south"])
    assert list(result.finished.items()) == [("north", "a"), ("south", "b"), ("added", "c")]
    result.finished.update({f"cam-{number}": "d" for number in range(200)})
    assert len(result.finished) == 100
