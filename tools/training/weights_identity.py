"""What tells the weights that a training run reads from others in the same place."""

from __future__ import annotations

import contextlib
import hashlib

from stages.detector.shipped import find_weights
from tools.training.config import TrainingConfig


def weights_digests(config: TrainingConfig) -> dict[str, str]:
    """Returns the SHA-256 of the weights files that a resumed run reads again, by setting.

    These are the teacher, and what finds vehicles that are not labelled; see `ignore_unlabelled`.
    Files that do not open are left out: whoever loads them says why.
    """
    finders = [name for name in ("finder", "teacher", "initial") if getattr(config, name)]
    searches = any(entry.unlabelled is not None for entry in config.data)
    digests = {}
    for name in {"teacher", *finders[:1]} if searches else {"teacher"}:
        path = getattr(config, name)
        with contextlib.suppress(OSError):
            if path is not None and (file := find_weights(path)).is_file():
                with file.open("rb") as content:
                    digests[name] = hashlib.file_digest(content, "sha256").hexdigest()
    return digests
