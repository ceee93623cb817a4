"""Times and texts that stores get wrong, and the start of every story.

The times are the first and the last ones, microseconds, and hours that occur twice in a zone. The
texts are valid identifiers: a store that folds, trims, collates or normalises text, measures it in
bytes, or builds statements from it confuses some of them.
"""

from datetime import UTC, datetime, timedelta, timezone
from typing import Final

__all__ = ["DAY", "EDGES", "FIRST", "HOSTILE", "IN_ORDER", "LAST", "START", "TICK"]

START: Final = datetime(2030, 1, 1, 12, tzinfo=UTC)
"""The time at which every world, story and law starts."""

DAY: Final = timedelta(days=1)
TICK: Final = timedelta(microseconds=1)
"""The shortest duration."""

FIRST: Final = datetime.min.replace(tzinfo=UTC)
LAST: Final = datetime.max.replace(tzinfo=UTC)
"""The last time; it does not exist in every zone."""

EDGES: Final = (
    datetime(1, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
    datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime(2026, 3, 29, 1, 0, tzinfo=UTC),
    # Half past two occurs twice in the night in which Central European clocks are set back.
    datetime(2026, 10, 25, 2, 30, tzinfo=timezone(timedelta(hours=2))).astimezone(UTC),
    datetime(2026, 10, 25, 2, 30, tzinfo=timezone(timedelta(hours=1))).astimezone(UTC),
    datetime(2026, 10, 25, 1, 30, 0, 1, tzinfo=UTC),
    datetime(2026, 10, 25, 1, 30, 0, 2, tzinfo=UTC),
    datetime(2038, 1, 19, 3, 14, 8, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, 59, 999_998, tzinfo=UTC),
)
"""Ascending, and all between the first and the last time."""

HOSTILE: Final = (
    # Letters that look alike, sound alike, or share an upper case.
    *("anna", "Anna", "ANNA", "\u0430nna", "anna\u0301", "ann\u00e1", "\u00e9", "e\u0301"),
    *("stra\u00dfe", "strasse", "STRASSE", "\u0131", "i", "\u0130", "K", "\u212a"),
    *("\ufb01n", "fin", "\uff41nna"),
    # Invisible characters, keys of principals, and literals.
    *("a b", "a  b", "a\u00a0b", "ab", "a\u200db", "a\u00adb"),
    *("u:anna", "g:anna", "u:", "g:", ":"),
    *("0", "00", "1", "01", "1.0", "1e0", "null", "NULL", "None", "true"),
    # What statements, patterns and formats are made of.
    *("'", "''", '"', "`", "\\", "\\\\", "\\0", "%", "%%", "%s", "a%", "a_b", "_", "*", "?"),
    *(":name", "$1", "{}", "{0}", "[a]", ";", "--", "'; DROP TABLE grants; --", "<script>"),
    *("&amp;", "a,b", "a|b", "a/b", "../a"),
    # Beyond the first plane, at the edges of planes, and of the greatest length.
    *("\U0001f9b4", "\U0001f469\u200d\u2695\ufe0f", "\U0001f469", "\ud7ff", "\ue000", "\uffff"),
    *("\U0010ffff", "x" * 254, "x" * 255, "x" * 254 + "y", "\u00e9" * 255, "\U0001f9b4" * 255),
)
"""Each differs from all others by its code points only."""

IN_ORDER: Final = tuple(sorted(HOSTILE))
"""In the order of code points, which is the order of Python's strings and of UTF-8."""
