"""Ids that a COCO annotation file gives to images and classes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from stages.errors import ConfigError
from tools.annotations.coco_json import ids_by_name, read_annotations

Id: TypeAlias = int | str


def coco_ids(
    path: Path, images: Sequence[str], classes: Sequence[str]
) -> tuple[dict[str, Id], dict[str, Id]]:
    """Returns ``image_id`` and ``category_id`` by name.

    Args:
        path: COCO annotation file; its file names may include folders.
        images: File names, without folders.
        classes: Names of classes.

    Raises:
        ConfigError: The file is malformed, does not name an image or a class, or names an image
            twice.
    """
    content = read_annotations(path)
    named = ids_by_name(content["images"])
    missing = [name for name in images if name not in named]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise ConfigError(f"{path}: no image {missing[0]!r}{more}")
    for name in images:
        if len(named[name]) > 1:
            raise ConfigError(
                f"{path}: {name!r} stands for images {named[name][0]!r}, {named[name][1]!r}"
            )
    categories = {category["name"]: category["id"] for category in content["categories"]}
    for name in classes:
        if name not in categories:
            raise ConfigError(
                f"{path}: no category {name!r}, as the weights call a class; there are "
                f"{', '.join(sorted(categories))}; without --ids, 'spotstream evaluate coco' takes "
                f"all classes as one"
            )
    return {name: named[name][0] for name in images}, {name: categories[name] for name in classes}
