import os
import subprocess
import sys

from stages.errors import unreadable_name


def test_a_name_that_is_not_utf_8_is_to_be_changed():
    assert unreadable_name("süd.mp4") == ""
    given = os.fsdecode(b"s\xfcd.mp4")
    assert unreadable_name(given) == r"the name of s\xfcd.mp4 is not UTF-8; rename it"


def test_where_the_locale_is_not_utf_8_that_is_to_be():
    code = "import sys; from stages.errors import *; print(ascii(unreadable_name(sys.argv[1])))"
    told = subprocess.check_output(
        [sys.executable, "-c", code, "süd.mp4"],
        env=os.environ | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        text=True,
    )
    assert "d.mp4 is not in ascii, as the locale is; set PYTHONUTF8=1" in told


def test_a_name_of_no_bytes_is_shown() -> None:
    assert unreadable_name("\ud800car") == r"'\ud800car' is not text"
