"""Hostile strings: all are valid identifiers, and no two are the same one.

A store that folds, trims, collates or normalises text, measures it in bytes, or builds statements
from it confuses some of them.
"""

from typing import Final

__all__ = ["HOSTILE", "IN_ORDER"]

# Letters that look alike, sound alike, or share an upper case.
_LETTERS: Final = (
    *("anna", "Anna", "ANNA", "\u0430nna", "anna\u0301", "ann\u00e1", "\u00e9", "e\u0301"),
    *("stra\u00dfe", "strasse", "STRASSE", "\u0131", "i", "\u0130", "K", "\u212a"),
    *("\ufb01n", "fin", "\uff41nna"),
)
_INVISIBLE: Final = ("a b", "a  b", "a\u00a0b", "ab", "a\u200db", "a\u00adb")
_KEYS_OF_PRINCIPALS: Final = ("u:anna", "g:anna", "u:", "g:", ":")
_LITERALS: Final = ("0", "00", "1", "01", "1.0", "1e0", "null", "NULL", "None", "true")
# What statements, patterns and formats are made of.
_SYNTAX: Final = (
    *("'", "''", '"', "`", "\\", "\\\\", "\\0", "%", "%%", "%s", "a%", "a_b", "_", "*", "?"),
    *(":name", "$1", "{}", "{0}", "[a]", ";", "--", "'; DROP TABLE grants; --", "<script>"),
    *("&amp;", "a,b", "a|b", "a/b", "../a"),
)
# Beyond the first plane, at the edges of planes, and of the greatest length.
_EXTREMES: Final = (
    *("\U0001f9b4", "\U0001f469\u200d\u2695\ufe0f", "\U0001f469", "\ud7ff", "\ue000", "\uffff"),
    *("\U0010ffff", "x" * 254, "x" * 255, "x" * 254 + "y", "\u00e9" * 255, "\U0001f9b4" * 255),
)

HOSTILE: Final = (
    *(*_LETTERS, *_INVISIBLE, *_KEYS_OF_PRINCIPALS),
    *(*_LITERALS, *_SYNTAX, *_EXTREMES),
)
"""Each differs from all others by its code points only."""

IN_ORDER: Final = tuple(sorted(HOSTILE))
"""In the order of code points, which is the order of Python's strings and of UTF-8."""
