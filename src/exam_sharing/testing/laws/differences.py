"""The difference between an answer and the expected one.

Values of one class are compared field by field, also within mappings and sequences. A field that is
hidden in the `repr` of its class stays hidden, as it may hold patient data.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

import attrs

_LONGEST_SHOWN: Final = 1_000
_MOST_SHOWN: Final = 5
_IN_A_LINE: Final = 80
"""Shorter sequences are shown whole, so that a reader sees their order."""

_TIME: Final = re.compile(r"datetime\.datetime\((\d+(?:, \d+){2,6})(, tzinfo=[\w.]+\.utc)?\)")

_Lines: TypeAlias = Iterator[tuple[str, str]]
"""The path of each difference, and the difference."""


def difference(found: object, expected: object) -> str:
    """Return the differences in indented lines."""
    differences = _lines("", found, expected)
    lines = [f"  {path}: {how}" if path else f"  {how}" for path, how in differences]
    if len(lines) > _MOST_SHOWN:
        lines[_MOST_SHOWN:] = [f"  and {len(lines) - _MOST_SHOWN} more"]
    return "\n".join(lines)


def shortened(text: str) -> str:
    """Return a text, cut where it is too long to show."""
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


def _lines(path: str, found: Any, expected: Any) -> _Lines:  # noqa: ANN401  an answer of any type
    if _is_record(found) and type(found) is type(expected):
        for field in attrs.fields(type(found)):
            mine, theirs = getattr(found, field.name), getattr(expected, field.name)
            within = f"{path}.{field.name}" if path else field.name
            if field.eq and mine != theirs and field.repr is True:
                yield from _lines(within, mine, theirs)
            elif field.eq and mine != theirs:
                yield within, "differs; its value is private"
    elif isinstance(found, Mapping) and isinstance(expected, Mapping):
        for key in {**expected, **found}:
            within = f"{path}[{_shown(key)}]" if path else _shown(key)
            mine, theirs = found.get(key, attrs.NOTHING), expected.get(key, attrs.NOTHING)
            if mine != theirs:
                yield from _lines(within, mine, theirs)
    elif isinstance(found, AbstractSet) and isinstance(expected, AbstractSet):
        yield from _of_sets(path, found, expected)
    elif _is_sequence(found) and _is_sequence(expected):
        yield from _of_sequences(path, found, expected)
    else:
        yield from _apart(path, found, expected)


def _of_sets(path: str, found: AbstractSet[Any], expected: AbstractSet[Any]) -> _Lines:
    """Compare members with the same id; without ids, yield the missing and unexpected members."""
    missing = {_id_of(each): each for each in expected - found}
    surplus = {_id_of(each): each for each in found - expected}
    if None in missing or missing.keys() != surplus.keys():
        yield from _apart(path, found, expected)
        return
    for name in sorted(missing, key=repr):
        yield from _lines(f"{path}[{_shown(name)}]", surplus[name], missing[name])


def _id_of(value: object) -> object | None:
    return getattr(getattr(value, "grant", value), "id", None) if _is_record(value) else None


def _of_sequences(path: str, found: Sequence[Any], expected: Sequence[Any]) -> _Lines:
    pairs = [
        (place, mine, theirs)
        for place, (mine, theirs) in enumerate(zip(found, expected, strict=False))
        if mine != theirs
    ]
    long = max(len(_shown(found)), len(_shown(expected))) > _IN_A_LINE
    within = long or any(_is_record(mine) for _, mine, _ in pairs)
    if len(found) != len(expected) or (pairs and not within):
        yield from _apart(path, found, expected)
        return
    if type(found) is not type(expected):
        yield path, f"type {type(found).__name__}, expected {type(expected).__name__}"
    for place, mine, theirs in pairs:
        yield from _lines(f"{path}[{place}]", mine, theirs)


def _apart(path: str, found: object, expected: object) -> _Lines:
    """Yield two values side by side after a path, or below each other without one."""
    if path:
        yield path, f"{_shown(found)}, expected {_shown(expected)}"
    elif isinstance(found, AbstractSet) and isinstance(expected, AbstractSet):
        yield "missing", _some(expected - found)
        yield "not expected", _some(found - expected)
    else:
        yield "got", _shown(found)
        yield "expected", _shown(expected)


def _is_record(value: object) -> bool:
    """Return whether the class of a value uses the `repr` of attrs."""
    kind = type(value)
    if not attrs.has(kind):
        return False
    first_shown = next((field.name for field in attrs.fields(kind) if field.repr), "")
    return repr(value).startswith(f"{kind.__name__}({first_shown}=")


def _is_sequence(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _some(values: Collection[object]) -> str:
    return _shown(sorted(values, key=repr)) if values else "none"


def _shown(value: object) -> str:
    return "nothing" if value is attrs.NOTHING else shortened(_TIME.sub(_as_iso, repr(value)))


def _as_iso(found: re.Match[str]) -> str:
    parts = [*map(int, found[1].split(", ")), 0, 0, 0, 0]
    year, month, day, hour, minute, second, microsecond = parts[:7]
    zone = UTC if found[2] else None
    return datetime(year, month, day, hour, minute, second, microsecond, zone).isoformat()
