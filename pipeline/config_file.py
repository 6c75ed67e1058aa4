"""Reads the configuration of a run: a file of ours or the user's, and ``--set``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline.config import RunConfig, TrackerConfig
from pipeline.settings_file import overridden, read_settings, validated

_BASE = "intersection"  # what a config file of one's own builds on


def built_in_configs(below: str = "") -> dict[str, Path]:
    """Returns the files in ``configs/``, or a folder there, by name, such as ``intersection``."""
    folder = Path(__file__).parents[1] / "configs" / below
    return {file.stem: file for file in sorted(folder.glob("*.yaml"))}


def load_config(path: Path | None, overrides: Sequence[str] = ()) -> RunConfig:
    """Reads a YAML file (none: the defaults) and applies ``key.path=value`` overrides.

    A file that is none of `built_in_configs` builds on ``intersection``, key by key; one that names
    its tracker gives all settings of the tracker. If the overrides name another tracker than these
    files do, the files' tracker settings do not apply.

    Args:
        path: A file, or the name of one of `built_in_configs`.
        overrides: Each ``key.path=value``, the value in YAML.

    Raises:
        ConfigError: The file is missing or broken, a key is unknown or a value out of range; the
            message names key and value.
    """
    known = built_in_configs()
    is_own = path is not None and str(path) not in known
    path = None if path is None else known.get(str(path), path)
    content = read_settings(RunConfig, path, f"; built in are {', '.join(known)}")
    if is_own:
        content = _on_top(content, read_settings(RunConfig, known[_BASE]))
    changed = overridden(content, overrides)
    section = content.get("tracker")
    if isinstance(section, dict) and _tracker_name(changed) != _tracker_name(content):
        section.pop("settings", None)
        changed = overridden(content, overrides)
    return validated(RunConfig, changed, path, overrides)


def _on_top(content: dict[str, Any], base: dict[str, Any]) -> dict[str, Any]:
    """Returns ``content`` with the keys of ``base`` that it lacks, at any depth."""
    merged = base | content
    for key, value in content.items():
        below = base.get(key)
        if isinstance(value, dict) and isinstance(below, dict):
            is_named_tracker = key == "tracker" and "name" in value
            merged[key] = value if is_named_tracker else _on_top(value, below)
    return merged


def _tracker_name(content: dict[str, Any]) -> object:
    section = content.get("tracker", {})
    return section.get("name", TrackerConfig.name) if isinstance(section, dict) else None
