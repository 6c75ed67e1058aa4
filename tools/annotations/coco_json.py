"""Reading of COCO's JSON files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeGuard

from stages.errors import ConfigError, reason_of

LISTS = ("images", "annotations", "categories")


def read_json(path: Path) -> Any:
    """Returns the content of a JSON file.

    Raises:
        ConfigError: It cannot be read or is not JSON; the message names file and line.
    """
    try:
        return json.loads(path.read_bytes())
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {path}: {reason_of(error)}") from error
    except json.JSONDecodeError as error:
        raise ConfigError(f"{path}:{error.lineno}: not valid JSON: {error.msg}") from error
    except ValueError as error:  # a number of thousands of digits
        raise ConfigError(f"cannot read {path}: {error}") from error
    except RecursionError as error:
        raise ConfigError(f"cannot read {path}: its JSON is nested too deep") from error


def is_coco(content: object) -> TypeGuard[dict[str, Any]]:
    """Returns whether ``content`` is an object with COCO's three lists, whatever they contain."""
    return isinstance(content, dict) and all(isinstance(content.get(key), list) for key in LISTS)
