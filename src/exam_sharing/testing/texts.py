"""Strings that stores get wrong: each is an identifier, and no two of them are the same one.

What folds, trims, collates, normalises, measures in bytes or builds statements from text takes some
of them for others.
"""

from typing import Final

__all__ = ["HOSTILE", "IN_ORDER"]

HOSTILE: Final = (
    # Letters of one look, one sound, or one upper case.
    "anna",
    "Anna",
    "ANNA",
    "\u0430nna",
    "anna\u0301",
    "ann\u00e1",
    "\u00e9",
    "e\u0301",
    "stra\u00dfe",
    "strasse",
    "STRASSE",
    "\u0131",
    "i",
    "\u0130",
    "K",
    "\u212a",
    "\ufb01n",
    "fin",
    "\uff41nna",
    # White space within, and what nobody sees.
    "a b",
    "a  b",
    "a\u00a0b",
    "ab",
    "a\u200db",
    "a\u00adb",
    # Keys of principals within identifiers.
    "u:anna",
    "g:anna",
    "u:",
    "g:",
    ":",
    # Numbers, and words that mean something elsewhere.
    "0",
    "00",
    "1",
    "01",
    "1.0",
    "1e0",
    "null",
    "NULL",
    "None",
    "true",
    # What statements, patterns and formats are made of.
    "'",
    "''",
    '"',
    "`",
    "\\",
    "\\\\",
    "\\0",
    "%",
    "%%",
    "%s",
    "a%",
    "a_b",
    "_",
    "*",
    "?",
    ":name",
    "$1",
    "{}",
    "{0}",
    "[a]",
    ";",
    "--",
    "'; DROP TABLE grants; --",
    "<script>",
    "&amp;",
    "a,b",
    "a|b",
    "a/b",
    "../a",
    # Beyond the first plane, at the edges of planes, and as long as can be.
    "\U0001f9b4",
    "\U0001f469\u200d\u2695\ufe0f",
    "\U0001f469",
    "\ud7ff",
    "\ue000",
    "\uffff",
    "\U0010ffff",
    "x" * 254,
    "x" * 255,
    "x" * 254 + "y",
    "\u00e9" * 255,
    "\U0001f9b4" * 255,
)
"""Each differs from every other by its code points alone."""

IN_ORDER: Final = tuple(sorted(HOSTILE))
"""In the order of their code points, which is that of Python's strings and of UTF-8."""
