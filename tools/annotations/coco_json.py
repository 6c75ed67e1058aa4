"""Reads COCO's JSON files."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeGuard

from stages.errors import ConfigError, reason_of

LISTS = ("images", "annotations", "categories")


def read_json(path: Path) -> Any:
    """Returns the content of a JSON file.

    Raises:
        ConfigError: The file cannot be read or is not JSON; the message names file and line.
    """
    try:
        return json.loads(path.read_bytes())
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {path}: {reason_of(error)}") from error
    except json.JSONDecodeError as error:
        raise ConfigError(_fault(path, error)) from error
    except ValueError as error:  # a number with thousands of digits
        raise ConfigError(f"cannot read {path}: {error}") from error
    except RecursionError as error:
        raise ConfigError(f"cannot read {path}: its JSON is nested too deep") from error


def _fault(path: Path, error: json.JSONDecodeError) -> str:
    text = error.doc.rstrip()
    if not text:
        return f"{path} is empty"
    if error.pos >= len(text) or error.msg.startswith("Unterminated string"):
        return f"{path} ends in the middle: it was cut off, or is still being written"
    return f"{path}:{error.lineno}: not valid JSON: {error.msg}"


def is_coco(content: object) -> TypeGuard[dict[str, Any]]:
    """Returns whether ``content`` is an object with COCO's three lists, whatever they contain."""
    return isinstance(content, dict) and all(isinstance(content.get(key), list) for key in LISTS)


def read_annotations(path: Path) -> dict[str, Any]:
    """Returns the content of a COCO annotation file whose ids and category names are valid.

    Raises:
        ConfigError: The file cannot be read or is not a valid COCO annotation file.
    """
    content = read_json(path)
    if not is_coco(content):
        raise ConfigError(f"{path} is not a COCO annotation file: it needs {', '.join(LISTS)}")
    for part in LISTS:
        for index, entry in enumerate(content[part]):
            check_entry(path, f"{part}[{index}]", entry, () if part == "annotations" else ("id",))
    for index, category in enumerate(content["categories"]):
        if not isinstance(category.get("name"), str):
            raise ConfigError(f"{path}: categories[{index}]: name must be a text")
    if not content["categories"]:
        raise ConfigError(f"{path} has no categories")
    return content


def ids_by_name(images: list[dict[str, Any]]) -> dict[str, list[int | str]]:
    """Returns the ids of the images with each file name, as given and also without folders.

    A name as given takes precedence. Folders end with ``/`` or, in files written on Windows, with a
    backslash.
    """
    whole: dict[str, list[int | str]] = defaultdict(list)
    inner: dict[str, list[int | str]] = defaultdict(list)
    for image in images:
        name = str(image.get("file_name"))
        whole[name].append(image["id"])
        inner[name.replace("\\", "/").rpartition("/")[2]].append(image["id"])
    return {**inner, **whole}


def check_entry(path: Path, location: str, entry: object, needed: Sequence[str]) -> None:
    """Checks that ``entry`` is an object with valid ids."""
    if not isinstance(entry, dict):
        raise ConfigError(f"{path}: {location}: expected an object, got {entry!r}")
    for name in ("id", "image_id", "category_id"):
        value = entry.get(name)
        if (value is None and name not in needed) or (
            isinstance(value, int | str) and not isinstance(value, bool)
        ):
            continue
        raise ConfigError(f"{path}: {location}: {name} must be a number or a name, got {value!r}")
