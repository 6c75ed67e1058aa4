"""Reads the configuration of a run from built-in files, the user's files and ``--set``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline.config import DetectorConfig, RunConfig, TrackerConfig
from pipeline.settings_file import overridden, read_settings, validated

_BASE = "intersection"  # the config on which a user's file builds
_DEFAULT_NAMES = {"detector": DetectorConfig.name, "tracker": TrackerConfig.name}


def built_in_configs(below: str = "") -> dict[str, Path]:
    """Returns the files in ``configs/``, or in a subfolder, by name, such as ``intersection``."""
    folder = Path(__file__).parents[1] / "configs" / below
    return {file.stem: file for file in sorted(folder.glob("*.yaml"))}


def load_config(path: Path | None, overrides: Sequence[str] = ()) -> RunConfig:
    """Reads one YAML file (none: the defaults) as `load_configs` does."""
    return load_configs([] if path is None else [path], overrides)


def load_configs(paths: Sequence[Path], overrides: Sequence[str] = ()) -> RunConfig:
    """Reads YAML files (none: the defaults) and applies ``key.path=value`` overrides.

    Each file builds on those before it, key by key. If the first is not one of `built_in_configs`,
    it builds on ``intersection``. A file that names its tracker or detector replaces all settings
    of the one in the files before it. If the overrides name a different one from the files, the
    files' settings of it do not apply.

    Args:
        paths: Files, or names of `built_in_configs`.
        overrides: Each ``key.path=value``, the value in YAML.

    Raises:
        ConfigError: A file is missing or broken, a key is unknown or a value out of range; the
            message names key and value.
    """
    known = built_in_configs()
    advice = f"; built in are {', '.join(known)}"
    content: dict[str, Any] = {}
    path: Path | None = None
    steps: list[tuple[Path, dict[str, Any]]] = []
    for given in paths:
        if path is None and str(given) not in known:
            content = read_settings(RunConfig, known[_BASE])
        path = known.get(str(given), given)
        content = _merged(read_settings(RunConfig, path, advice), content)
        steps.append((path, content))
    changed = overridden(content, overrides)
    for key in _DEFAULT_NAMES:
        section, name = content.get(key), _name_in(content, key)
        if isinstance(section, dict) and name is not None and _name_in(changed, key) != name:
            section.pop("settings", None)
            changed = overridden(content, overrides)
    return validated(RunConfig, changed, steps)


def _merged(content: dict[str, Any], base: dict[str, Any]) -> dict[str, Any]:
    """Returns ``content`` with the keys of ``base`` that it lacks, at any depth."""
    merged = base | content
    for key, value in content.items():
        below = base.get(key)
        if isinstance(value, dict) and isinstance(below, dict):
            # Settings without a name are those of a detector that a later file may name.
            if key in _DEFAULT_NAMES and "name" in value and _name_in(base, key) is not None:
                below = {other: under for other, under in below.items() if other != "settings"}
            merged[key] = _merged(value, below)
    return merged


def _name_in(content: dict[str, Any], key: str) -> object:
    section = content.get(key, {})
    return section.get("name", _DEFAULT_NAMES[key]) if isinstance(section, dict) else None
