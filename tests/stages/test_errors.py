import os
import subprocess
import sys

from stages.errors import OutputError, in_one_line, unreadable_name


def test_name_that_is_not_utf_8_should_be_changed():
    assert unreadable_name("süd.mp4") == ""
    given = os.fsdecode(b"s\xfcd.mp4")
    assert unreadable_name(given) == r"the name of s\xfcd.mp4 is not UTF-8; rename it"


def test_locale_that_is_not_utf_8_should_be_changed():
    code = "import sys; from stages.errors import *; print(ascii(unreadable_name(sys.argv[1])))"
    output = subprocess.check_output(
        [sys.executable, "-c", code, "süd.mp4"],
        env=os.environ | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        text=True,
    )
    assert "d.mp4 is not in ascii, as the locale is; set PYTHONUTF8=1" in output


def test_name_that_no_bytes_encode_is_shown_escaped() -> None:
    assert unreadable_name("\ud800car") == r"'\ud800car' is not text"


def test_an_error_with_several_lines_is_reported_in_one() -> None:
    assert in_one_line(RuntimeError("no kernel\n\n  image")) == "RuntimeError: no kernel image"
    assert in_one_line(KeyError("a")) == "KeyError: 'a'"
    assert in_one_line(OutputError("cannot write a  b")) == "cannot write a  b"
