"""A config as a YAML file that explains each key.

The keys of a run config are explained by the docstrings of its classes, those of a training config
by field descriptions.
"""

from __future__ import annotations

import inspect
import re
import sys
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import fields
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin, get_type_hints

import yaml
from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel

from pipeline.config import RunConfig, TrackerConfig, to_plain
from trackers.registry import default_settings, tracker_class

if TYPE_CHECKING:
    from tools.training.config import TrainingConfig

_NOTE = "# null stands for none."
_WIDTH = 100
_ENTRY = re.compile(r"^    (\w+): ((?:.+\n?)(?:^ {8,}.+\n?)*)", re.MULTILINE)


def config_listing(config: RunConfig) -> str:
    """Returns YAML that `load_config` reads as ``config``, with a comment above each key."""
    lines = [_NOTE, ""]
    plain = to_plain(config)
    for name, section in _types(RunConfig).items():
        kind = get_args(section)[0] if get_origin(section) is Annotated else section
        summary = _docstring(kind).partition("\n")[0]
        lines += [*_comment(summary), f"{name}:", *_section(kind, plain[name]), ""]
    return "\n".join(lines[:-1]) + "\n"


def training_listing(config: TrainingConfig) -> str:
    """Returns YAML that `load_training_config` reads as ``config``, with a comment above each key.

    If there are several data sets, only the first has comments.
    """
    return "\n".join([_NOTE, "", *_model(config)]) + "\n"


def _model(config: BaseModel, indent: str = "", *, explained: bool = True) -> Iterator[str]:
    plain = config.model_dump(mode="json")
    for name, about in type(config).model_fields.items():
        value = getattr(config, name)
        if explained:
            limits = _limits((*_parts(about.annotation), *about.metadata))
            yield from _comment(f"{about.description or ''}{limits}", indent)
        if isinstance(value, BaseModel):
            yield f"{indent}{name}:"
            yield from _model(value, f"{indent}  ")
        elif name == "data":
            yield "data:"
            for index, each in enumerate(value):
                yield "  -"
                yield from _model(each, "    ", explained=index == 0)
        else:
            yield from _entry(name, plain[name], indent)


def _section(kind: type[Any], values: dict[str, Any]) -> Iterator[str]:
    texts, types = _described(kind, "Attributes"), _types(kind)
    for each in fields(kind):
        yield from _comment(f"{texts.get(each.name, '')}{_limits(_parts(types[each.name]))}", "  ")
        if kind is TrackerConfig and each.name == "settings":
            yield "  settings:"
            yield from _tracker_settings(values["name"], values["settings"])
        else:
            yield from _entry(each.name, values[each.name], "  ")


def _tracker_settings(tracker: str, given: dict[str, Any]) -> Iterator[str]:
    texts = _described(tracker_class(tracker).__init__, "Args")
    for name, default in default_settings(tracker).items():
        yield from _comment(texts.get(name, ""), "    ")
        yield from _entry(name, given.get(name, default), "    ")


def _entry(name: str, value: object, indent: str) -> list[str]:
    style = None if isinstance(value, dict | list) and value else False  # lists in one line
    text = yaml.safe_dump(
        {name: value}, default_flow_style=style, sort_keys=False, allow_unicode=True, width=_WIDTH
    )
    return textwrap.indent(text, indent).splitlines()


def _comment(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(
        text.strip(), _WIDTH, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}# "
    )


def _described(documented: Any, section: str) -> dict[str, str]:
    """Returns the entries of a section of a Google-style docstring, by name."""
    body = _docstring(documented).partition(f"{section}:\n")[2].partition("\n\n")[0]
    body = body.replace("``", "")
    return {name: " ".join(text.split()) for name, text in _ENTRY.findall(body)}


def _docstring(documented: Any) -> str:
    """Returns a docstring; "" under ``python -OO``, where a dataclass's is only its signature."""
    return "" if sys.flags.optimize > 1 else inspect.getdoc(documented) or ""


def _limits(parts: Iterable[Any]) -> str:
    """Returns the limits in the parts of a type as a sentence to append to a description, or ""."""
    found = []
    for part in parts:
        if get_origin(part) is Literal:
            found.append(f"one of {', '.join(get_args(part))}")
        elif isinstance(part, Ge):
            found.append(f"at least {part.ge}")
        elif isinstance(part, Gt):
            found.append(f"above {part.gt}")
        elif isinstance(part, Lt):
            found.append(f"below {part.lt}")
        elif isinstance(part, Le):
            found.append(f"at most {part.le}")
    return f" {found[0].capitalize()}{''.join(f', {each}' for each in found[1:])}." if found else ""


def _parts(kind: Any) -> Iterator[Any]:
    """Yields the members of a union or annotated type, and its annotations."""
    if get_origin(kind) is Annotated or type(None) in get_args(kind):
        for part in get_args(kind):
            yield from _parts(part)
    else:
        yield kind


def _types(kind: type[Any]) -> dict[str, Any]:
    return get_type_hints(kind, include_extras=True)
