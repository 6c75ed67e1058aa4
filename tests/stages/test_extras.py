import sys

import pytest

from stages.errors import ConfigError
from stages.extras import installed, need


def test_a_package_that_is_there_is_imported():
    assert need("json", "all") is sys.modules["json"]
    assert installed("json", "csv")
    assert not installed("json", "no_such_package")


def test_one_that_is_not_there_says_how_to_install_it():
    expected = r"^--port needs the package no_such_package: pip install '\.\[serve\]' in the clone"
    with pytest.raises(ConfigError, match=expected):
        need("no_such_package", "serve", "--port")
