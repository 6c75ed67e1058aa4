"""Numbers with what they count, in the words of messages."""

from __future__ import annotations


def counted(count: int, one: str, many: str = "", *, form: str = "") -> str:
    """Returns ``1 frame`` or ``2 frames``.

    Args:
        count: The number.
        one: What is counted, in the singular.
        many: The plural, if it is not the singular with an s.
        form: Format of the number, such as ``","``.
    """
    return f"{count:{form}} {one if count == 1 else many or f'{one}s'}"
