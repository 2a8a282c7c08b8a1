"""Text from files and arguments, made safe to show.

Names of tensors, nodes and files come from strangers.  Shown raw, an escape sequence could repaint
a failed check as a passed one, and a right-to-left mark could reorder a digest.  Everything that
zkdps prints goes through `safe`; markup is never interpreted, so brackets stay what they are.
"""

from __future__ import annotations


def safe(value: object, at_most: int = 200) -> str:
    r"""`str(value)` on one line, with everything that does not print shown as an escape.

    Control characters, line breaks, bidirectional and other format characters, lone surrogates and
    unassigned code points become `\x1b`, `\n`, `\u202e`, ...

    Args:
        value: anything.
        at_most: characters of `value` to show; the rest becomes `...`.
    """
    text = str(value)
    shown = "".join(char if char.isprintable() else _escape(char) for char in text[:at_most])
    return shown if len(text) <= at_most else shown + "..."


def _escape(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")
