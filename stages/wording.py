"""Text in messages and pictures."""

from __future__ import annotations

import json
import unicodedata


def counted(count: int, one: str, many: str = "", *, form: str = "") -> str:
    """Returns ``1 frame`` or ``2 frames``.

    Args:
        count: The number.
        one: What is counted, in the singular.
        many: The plural, if it is not the singular plus ``s``.
        form: Format of the number, such as ``","``.
    """
    return f"{count:{form}} {one if count == 1 else many or f'{one}s'}"


def as_setting(value: object) -> str:
    """Returns the value of a setting as text: strings unchanged, everything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value)


def drawable(text: str) -> str:
    """Returns the text in printable ASCII, which is all that OpenCV's fonts have.

    Letters lose their accents (``Süd`` becomes ``Sud``); everything else becomes ``?``.
    """
    letters = unicodedata.normalize("NFKD", text.replace("ß", "ss"))
    plain = "".join(each for each in letters if not unicodedata.combining(each))
    return "".join(each if " " <= each <= "~" else "?" for each in plain)
