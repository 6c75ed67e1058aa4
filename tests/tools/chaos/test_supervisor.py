from tools.chaos.supervisor import killed_supervisor


def test_the_stages_of_a_killed_supervisor_end_and_the_next_run_may_overwrite(tmp_path):
    outcome = killed_supervisor(tmp_path)
    assert outcome.passed, outcome
