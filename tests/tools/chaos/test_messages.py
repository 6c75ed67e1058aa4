import subprocess
import sys

# In a process of its own: the memory of the one that supervises is measured, too.
HARM = """
import sys
from pathlib import Path
from tools.chaos.messages import hostile_messages

outcome = hostile_messages(Path(sys.argv[1]), 3000)
assert outcome.passed, outcome
assert outcome.times >= 3000
"""


def test_nonsense_crashes_nothing(tmp_path):
    command = [sys.executable, "-c", HARM, str(tmp_path)]
    harm = subprocess.run(command, capture_output=True, text=True, check=False)
    assert harm.returncode == 0, harm.stderr
