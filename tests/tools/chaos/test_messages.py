from tools.chaos.messages import hostile_messages


def test_nonsense_crashes_nothing(tmp_path):
    outcome = hostile_messages(tmp_path, 3000)
    assert outcome.passed, outcome
    assert outcome.times >= 3000
