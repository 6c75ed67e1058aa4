import pytest

from pipeline.supervision.restarts import Restarts


def test_pauses_grow_after_repeated_early_deaths():
    restarts, pauses = Restarts(5), []
    assert restarts.due == 0.0
    for death in range(8):
        now = 1000.0 * death
        restarts.died(now, steady=False)
        pauses.append(round(restarts.due - now, 6))
    assert pauses == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]


def test_steady_process_is_due_at_once_after_its_death():
    restarts = Restarts(5)
    for now, steady, pause in ((0.0, False, 0.1), (50.0, True, 0.0), (90.0, False, 0.1)):
        restarts.died(now, steady=steady)
        assert restarts.due == now + pause


@pytest.mark.parametrize(("seconds", "too_many"), [(10.0, True), (30.0, True), (30.1, False)])
def test_more_deaths_per_minute_than_allowed_are_too_many(seconds, too_many):
    restarts = Restarts(2)
    for death in range(3):
        assert not restarts.are_too_many
        restarts.died(1000.0 + death * seconds, steady=True)
        restarts.died_at(None)
    assert restarts.are_too_many == too_many


@pytest.mark.parametrize(
    ("places", "too_many"),
    [
        ([7, 7, 7], True),
        ([0, 0, 0], True),
        ([6, 7, 7, 7], True),
        ([7, 7, 8, 7], False),
        ([7, None, 7, 7], False),
        ([None] * 4, False),
    ],
)
def test_repeated_deaths_at_one_position_are_too_many_at_any_rate(places, too_many):
    restarts = Restarts(2)
    for death, place in enumerate(places):
        assert not restarts.are_too_many
        restarts.died(1000.0 * death, steady=True)
        restarts.died_at(place)
    assert restarts.are_too_many == too_many


def test_deaths_under_another_plan_are_forgotten():
    restarts = Restarts(1)
    for _ in range(2):
        restarts.died(50.0, steady=False)
        restarts.died_at(7)
    restarts.forget()
    assert (restarts.are_too_many, restarts.due) == (False, 0.0)
