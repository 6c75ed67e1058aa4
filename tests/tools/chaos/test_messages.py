from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.tools.chaos.pretended import FakeVictim, fake_run
from tests.tools.processes import run_python
from tools.chaos import messages
from tools.chaos.messages import hostile_messages

# Runs in its own process, because the memory of the supervisor is measured too.
HARM = """
import sys
from pathlib import Path
from tools.chaos.messages import hostile_messages

outcome = hostile_messages(Path(sys.argv[1]), 3000)
assert outcome.passed, outcome
assert outcome.times >= 3000
"""


def test_hostile_messages_break_no_promise(tmp_path):
    harm = run_python("-c", HARM, tmp_path)
    assert harm.returncode == 0, harm.stderr


@pytest.mark.parametrize(
    ("refused", "seconds", "restarts", "megabytes", "passed"),
    [
        (True, 0.1, {}, 3.9, True),
        (False, 0.1, {}, 3.9, False),
        (True, None, {}, 3.9, False),
        (True, 0.1, {"sink": 1}, 3.9, False),
        (True, 0.1, {}, 4.1, False),
    ],
    ids=["sound", "memory for strangers", "no frames", "a crash", "growth"],
)
def test_crashes_lost_frames_and_memory_growth_break_the_promise(
    tmp_path, monkeypatch, refused, seconds, restarts, megabytes, passed
):
    resident = iter(({"sink": 0}, {"sink": megabytes * 2**20}))
    victim = FakeVictim(0.1, seconds)
    instead_of = {
        "make_clip": lambda folder, *size: folder / "clip.mp4",
        "ProcessPoolExecutor": lambda workers, context: ThreadPoolExecutor(workers),
        "flood": lambda sites, count, seed: None,
        "ask_nonsense": lambda port, times, seed: None,
        "announce_much": lambda port: refused,
        "_resident_at_rest": lambda victim: next(resident),
        "run_with": fake_run(victim, restarts=restarts),
    }
    for name, instead in instead_of.items():
        monkeypatch.setattr(messages, name, instead)
    assert hostile_messages(tmp_path, 9).passed is passed
