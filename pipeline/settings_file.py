"""Reads YAML into dataclasses or pydantic models; errors name key, value and what is allowed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, get_origin, get_type_hints

import yaml
from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from stages.errors import ConfigError, reason_of
from stages.urls import redact

Settings = TypeVar("Settings")
_TAG = "tag:yaml.org,2002:"
_MAX_DEPTH = 100  # nesting levels in a file
_MAX_VALUES = 100_000  # in a file, with all aliases expanded
_LONGEST_VALUE = 100  # characters of a value in an error
_UNKNOWN_KEY = ("extra_forbidden", "unexpected_keyword_argument")  # for models, for dataclasses
_PLAIN_MESSAGES = {  # instead of messages that name Python classes
    "dataclass_type": "must hold keys and values",
    "dict_type": "must hold keys and values",
    "model_type": "must hold keys and values",
    "path_type": "must be a path",
    "tuple_type": "must be a list",
}


def load_settings(model: type[Settings], path: Path | None, overrides: Sequence[str]) -> Settings:
    """Reads a YAML file (none: the model's defaults) and applies ``key.path=value`` overrides.

    Args:
        model: The dataclass or pydantic model to fill.
        path: The file.
        overrides: Each ``key.path=value``, the value in YAML.

    Raises:
        ConfigError: The file is missing or broken, a key is unknown or a value out of range; the
            message names key and value.
    """
    content = read_settings(model, path)
    files = [] if path is None else [(path, content)]
    return validated(model, overridden(content, overrides), files)


def read_settings(model: type[Any], path: Path | None, advice: str = "") -> dict[str, Any]:
    """Reads the keys and values of a YAML file, leaving out empty sections.

    Args:
        model: The dataclass or pydantic model that the file describes.
        path: The file; none: there are no keys.
        advice: Text appended to the error if there is no such file.

    Raises:
        ConfigError: The file is missing or broken.
    """
    if path is None:
        return {}
    try:
        content = _load(path.read_text(encoding="utf-8")) or {}
    except FileNotFoundError as error:
        raise ConfigError(f"no config file {path}{advice}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read config {path}: {reason_of(error)}") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        location = path if mark is None else f"{path}:{mark.line + 1}"
        problem = getattr(error, "problem", None) or error
        raise ConfigError(f"{location}: not valid YAML: {problem}") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{path} must hold keys and values, got {type(content).__name__}")
    return _without_empty(model, content)


def _load(text: str) -> Any:
    """Parses a YAML text; refuses deep nesting, and aliases that expand to too many values."""
    try:
        content = yaml.load(text, _Loader)
        if _count(content, {}) > _MAX_VALUES:
            raise yaml.YAMLError("its aliases stand for too many values")
    except RecursionError as error:
        raise yaml.YAMLError("it is nested too deeply") from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position)
        mark = yaml.Mark("", error.position, line, 0, None, 0)
        problem = f"character #x{error.character:02x} is not allowed"
        raise yaml.MarkedYAMLError(problem=problem, problem_mark=mark) from error
    return content


def _count(value: Any, known: dict[int, int], depth: int = 0) -> int:
    """Returns the number of values in ``value``, at any depth; ``known`` has the counts by id."""
    if depth > _MAX_DEPTH:
        raise RecursionError
    if isinstance(value, dict | list) and id(value) not in known:
        inner = value.values() if isinstance(value, dict) else value
        known[id(value)] = 1 + sum(_count(each, known, depth + 1) for each in inner)
    return known.get(id(value), 1)


def _without_empty(model: type[Any], content: dict[str, Any]) -> dict[str, Any]:
    """Returns ``content`` without empty sections and mappings, at any depth."""
    kinds = get_type_hints(model)
    kept = {}
    for key, value in content.items():
        kind: Any = kinds.get(key)
        if isinstance(value, dict) and _keys(kind):
            kept[key] = _without_empty(kind, value)
        elif value is not None or not (_keys(kind) or get_origin(kind) is dict):
            kept[key] = value
    return kept


def overridden(content: dict[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """Returns a copy of ``content`` with ``key.path=value`` overrides applied.

    Raises:
        ConfigError: An override is malformed, or its path leads through a value or a list.
    """
    changed = deepcopy(content)
    for override in overrides:
        _apply(changed, override)
    return changed


def validated(
    model: type[Settings],
    content: dict[str, Any],
    files: Sequence[tuple[Path, dict[str, Any]]],
) -> Settings:
    """Validates the content of files, changed by overrides.

    Args:
        model: The dataclass or pydantic model to fill.
        content: The content.
        files: Each file, with the merged content of all files up to and including it.

    Raises:
        ConfigError: A key is unknown or a value out of range. The message names key and value, and
            the first file that has this problem without overrides, otherwise ``--set``.
    """
    settings, problems = _validate(model, content)
    if settings is not None and not problems:
        return settings
    first = problems[0]
    for path, earlier in files:
        if first in _validate(model, earlier)[1]:
            raise ConfigError(f"{path}: {first}")
    raise ConfigError(f"--set: {first}")


def _validate(model: type[Settings], content: dict[str, Any]) -> tuple[Settings | None, list[str]]:
    """Returns the settings, None if that fails, and all problems."""
    try:
        settings = TypeAdapter(model).validate_python(content)
    except ValidationError as error:
        return None, [_problem(model, each) for each in error.errors()]
    switches = _switches_as_numbers(content, settings)
    return settings, [f"{key}: must be a number, got {value}" for key, value in switches]


def _switches_as_numbers(given: Any, taken: Any, key: str = "") -> Iterator[tuple[str, bool]]:
    """Yields key and value of each boolean (YAML's ``yes``) that pydantic accepted as a number."""
    if isinstance(given, bool) and not isinstance(taken, bool) and isinstance(taken, int | float):
        yield key, given
    elif isinstance(given, dict):
        inner = taken.values() if isinstance(taken, dict) else [getattr(taken, n) for n in given]
        for (name, value), accepted in zip(given.items(), inner, strict=False):
            yield from _switches_as_numbers(value, accepted, f"{key}.{name}".lstrip("."))
    elif isinstance(given, list) and isinstance(taken, list | tuple):
        for index, pair in enumerate(zip(given, taken, strict=True)):
            yield from _switches_as_numbers(*pair, f"{key}.{index}")


def _apply(content: dict[str, Any], override: str) -> None:
    key, equals, value = override.partition("=")
    if not equals or not key:
        raise ConfigError(f"--set needs key.path=value, got {override!r}")
    *folders, name = key.split(".")
    for folder in folders:
        content = content.setdefault(folder, {})
        if isinstance(content, list):
            raise ConfigError(f"--set {key}: {folder} is a list; set all of it, {folder}=[…]")
        if not isinstance(content, dict):
            raise ConfigError(f"--set {key}: {folder} holds a value, not keys")
    try:
        content[name] = _load(value)
    except yaml.YAMLError as error:
        raise ConfigError(
            f"--set {key}: {_shortened(repr(value))} is not valid YAML; text may need quotes of "
            f"its own: --set '{key}=\"…\"'"
        ) from error


def _problem(model: type[Any], error: ErrorDetails) -> str:
    key = ".".join(str(part) for part in error["loc"])
    if error["type"] in _UNKNOWN_KEY:
        known = _fields(model, error["loc"][:-1])
        return f"unknown key {key}; allowed here: {', '.join(known)}"
    problem = _PLAIN_MESSAGES.get(error["type"]) or error["msg"].removeprefix("Value error, ")
    if key and not isinstance(error["input"], dict):
        given = error["input"]
        given = redact(given) if isinstance(given, str) else given
        if "@" not in str(given):  # it may follow a password
            problem += f", got {given!r}"
    problem, got, value = problem.partition(", got ")
    problem += f"{got}{_shortened(value)}"
    return f"{key}: {problem}" if key else problem


def _shortened(value: str) -> str:
    return f"{value[:_LONGEST_VALUE]}…" if len(value) > _LONGEST_VALUE else value


def _fields(model: type[Any], location: Sequence[int | str]) -> Sequence[str]:
    """Returns the keys allowed at a location in the model; list indices are skipped."""
    parent: Any = model
    for part in location:
        if isinstance(part, str):
            parent = get_type_hints(parent)[part]
            while not _keys(parent) and getattr(parent, "__args__", None):
                parent = parent.__args__[0]
    return _keys(parent)


def _keys(kind: Any) -> Sequence[str]:
    if is_dataclass(kind):
        return [each.name for each in fields(kind)]
    return list(getattr(kind, "model_fields", ()))


class _Loader(yaml.SafeLoader):
    """Rejects duplicate keys in a mapping; PyYAML would silently keep the last.

    Keys are text as written: a line may be called ``off`` or ``010``. ``1e-2`` is a number, though
    not in YAML 1.1. Impossible dates, numbers and tagged values are YAML errors, with their line.
    """

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            value = super().construct_object(node, deep)
            if isinstance(value, int):
                str(value)  # Python refuses thousands of digits
        except (AttributeError, LookupError, ValueError) as error:
            kind = node.tag.rpartition(":")[2]
            problem = f"{_shortened(repr(node.value))} is not a valid {kind}"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark) from error
        return value

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            if not isinstance(key_node, yaml.ScalarNode) or key_node.tag == f"{_TAG}merge":
                continue
            if key_node.value in seen:
                problem = f"key {key_node.value} occurs twice"
                raise yaml.constructor.ConstructorError(None, None, problem, key_node.start_mark)
            seen.add(key_node.value)
        self.flatten_mapping(node)
        for key_node, _ in node.value:
            if isinstance(key_node, yaml.ScalarNode):
                key_node.tag = f"{_TAG}str"
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(
    f"{_TAG}float", re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"), list("-+.0123456789")
)
