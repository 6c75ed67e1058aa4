"""Conversions and checks of the values of a settings file, beyond their types.

`Before` and `After` load pydantic only when it asks for their schema.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from stages.frame_rate import parse_frame_rate
from stages.urls import is_port


@dataclass(frozen=True)
class Before:
    """Like pydantic's ``BeforeValidator``: applied to the value as the user wrote it."""

    function: Callable[[object], object]

    def __get_pydantic_core_schema__(self, source: Any, handler: Callable[[Any], Any]) -> Any:
        """Returns the schema of the annotated field."""
        from pydantic_core import core_schema

        return core_schema.no_info_before_validator_function(self.function, handler(source))


@dataclass(frozen=True)
class After:
    """Like pydantic's ``AfterValidator``: applied to the validated value."""

    function: Callable[[Any], object]

    def __get_pydantic_core_schema__(self, source: Any, handler: Callable[[Any], Any]) -> Any:
        """Returns the schema of the annotated field."""
        from pydantic_core import core_schema

        return core_schema.no_info_after_validator_function(self.function, handler(source))


def rational_rate(value: object) -> str:
    """Returns a frame rate as a fraction."""
    return str(parse_frame_rate(str(value)))


def unquoted_off(value: object) -> object:
    """Returns ``off`` where YAML has read an unquoted off as False."""
    return "off" if value is False else value


def in_json(settings: dict[str, Any]) -> dict[str, Any]:
    """Returns settings of a class, all of which JSON holds unchanged: a stage's plan is JSON.

    Keys of mappings are text already: the reader of configs makes them so.
    """
    for name, value in settings.items():
        try:
            arrived = msgspec.json.decode(msgspec.json.encode(value))
        except (TypeError, ValueError, OverflowError, msgspec.MsgspecError):
            arrived = None
        if arrived != value:
            raise ValueError(
                f"{name} must be made of finite numbers, text, lists, mappings, true, false and "
                f"null, got {value!r}"
            )
    return settings


def column(value: object) -> str:
    """Returns a name that is valid in a column of a text file."""
    name = str(value)
    if not name or name != name.strip() or not name.isprintable() or set(name) & set(',"'):
        raise ValueError("must be a name without commas and quotes, and without spaces at its ends")
    return name


def host_and_port(value: object) -> str | None:
    """Returns ``HOST:PORT``; the host of a port alone is 127.0.0.1."""
    if value is None:
        return None
    host, _, port = str(value).rpartition(":")
    if not is_port(port):
        raise ValueError("must be PORT or HOST:PORT, the port from 1 to 65535")
    return f"{host or '127.0.0.1'}:{port}"
