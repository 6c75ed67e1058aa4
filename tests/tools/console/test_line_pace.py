from tools.console.line_pace import LinePace


def test_lines_are_due_often_then_rarely_then_once_an_hour():
    pace = LinePace(5.0, now=1000.0)
    due = [now - 1000 for now in range(1000, 201_000) if pace.is_due(float(now))]
    assert due[:20] == list(range(5, 101, 5))
    assert due[20] == 106
    assert due[-1] - due[-2] == due[-2] - due[-3] == 3600
    assert len(due) < 200
