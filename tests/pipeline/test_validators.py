from dataclasses import dataclass
from typing import Annotated

import pytest
from pydantic import TypeAdapter

from pipeline.validators import After, Before, host_and_port, rational_rate, unquoted_off


@dataclass
class Doubled:
    before: Annotated[int, Before(lambda value: f"{value}0")]
    after: Annotated[int, After(lambda value: 2 * value)]


def test_before_gets_the_raw_input_and_after_the_parsed_value():
    assert TypeAdapter(Doubled).validate_python({"before": "4", "after": "5"}) == Doubled(40, 10)


def test_user_input_is_normalised():
    assert [rational_rate(rate) for rate in (25, "12.5", "30000/1001")] == [
        "25",
        "25/2",
        "30000/1001",
    ]
    assert [unquoted_off(value) for value in (False, True, "auto")] == ["off", True, "auto"]
    assert [host_and_port(value) for value in (9108, ":9108", "0.0.0.0:9108", None)] == [
        "127.0.0.1:9108",
        "127.0.0.1:9108",
        "0.0.0.0:9108",
        None,
    ]


@pytest.mark.parametrize("address", ["here", "host:", "127.0.0.1:65536", 0, "127.0.0.1:0"])
def test_address_without_a_valid_port_is_refused(address):
    with pytest.raises(ValueError, match="must be PORT or HOST:PORT, the port from 1 to 65535"):
        host_and_port(address)
