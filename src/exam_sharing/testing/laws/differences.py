"""What differs between an answer and what was expected, told as shortly as it can be.

Values of one class are told by the fields that differ, wherever they are within mappings and
sequences. What a `repr` hides stays hidden: nothing is shown but by the `repr` of a value, and no
field that its class leaves out of its own.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

import attrs

__all__ = ["difference", "shortened"]

_LONGEST_SHOWN: Final = 1_000
_MOST_SHOWN: Final = 5
_IN_A_LINE: Final = 80
"""Sequences that are no longer are told whole, as their order is seen best then."""

_TIME: Final = re.compile(r"datetime\.datetime\((\d+(?:, \d+){2,6})(, tzinfo=[\w.]+\.utc)?\)")

_Lines: TypeAlias = Iterator[tuple[str, str]]
"""Where something differs, and how."""


def difference(came: object, expected: object) -> str:
    """Return what differs, in indented lines, never longer than both values would be."""
    whole = _whole(came, expected)
    lines = [f"  {path}: {how}" if path else f"  {how}" for path, how in _lines("", came, expected)]
    more = len(lines) - _MOST_SHOWN
    told = "\n".join([*lines[:_MOST_SHOWN], *([f"  and {more} more"] if more > 0 else [])])
    return told if told and len(told) <= len(whole) else whole


def shortened(text: str) -> str:
    """Return a text as far as it is shown."""
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


def _whole(came: object, expected: object) -> str:
    if isinstance(came, Mapping) and isinstance(expected, Mapping):
        pairs = [
            f"  {_shown(key)}: {_pair(came.get(key, _NONE), expected.get(key, _NONE))}"
            for key in _differing(came, expected)
        ]
        rest = [f"  and {len(pairs) - _MOST_SHOWN} more"] if len(pairs) > _MOST_SHOWN else []
        return "\n".join([*pairs[:_MOST_SHOWN], *rest])
    if isinstance(came, AbstractSet) and isinstance(expected, AbstractSet):
        return f"  missing: {_some(expected - came)}\n  not expected: {_some(came - expected)}"
    return f"  came: {_shown(came)}\n  expected: {_shown(expected)}"


def _lines(path: str, came: Any, expected: Any) -> _Lines:  # noqa: ANN401  whatever was answered
    """Yield each place at which two values that are not equal differ."""
    if _is_record(came) and type(came) is type(expected):
        yield from _of_records(path, came, expected)
    elif isinstance(came, Mapping) and isinstance(expected, Mapping):
        for key in _differing(came, expected):
            within = f"{path}[{_shown(key)}]" if path else _shown(key)
            yield from _lines(within, came.get(key, _NONE), expected.get(key, _NONE))
    elif isinstance(came, AbstractSet) and isinstance(expected, AbstractSet):
        yield from _of_sets(path, came, expected)
    elif _is_sequence(came) and _is_sequence(expected):
        yield from _of_sequences(path, came, expected)
    elif path:
        yield path, _pair(came, expected)
    else:
        yield from _apart(path, came, expected)


def _of_records(path: str, came: Any, expected: Any) -> _Lines:  # noqa: ANN401  as for lines
    for field in attrs.fields(type(came)):
        mine, theirs = getattr(came, field.name), getattr(expected, field.name)
        if not field.eq or mine == theirs:
            continue
        within = f"{path}.{field.name}" if path else field.name
        if field.repr is True:
            yield from _lines(within, mine, theirs)
        else:
            yield within, "differs, and is not shown"


def _of_sets(path: str, came: AbstractSet[Any], expected: AbstractSet[Any]) -> _Lines:
    """Yield what differs between members of the same id; where any has none, all that differ."""
    missing = {_id_of(each): each for each in expected - came}
    surplus = {_id_of(each): each for each in came - expected}
    if None in missing or missing.keys() != surplus.keys():
        yield from _apart(path, came, expected)
        return
    for name in sorted(missing, key=repr):
        yield from _lines(f"{path}[{_shown(name)}]", surplus[name], missing[name])


def _id_of(value: object) -> object | None:
    """Return what tells a value from others of its class, if it is an exam, a grant or a notice."""
    return getattr(getattr(value, "grant", value), "id", None) if _is_record(value) else None


def _of_sequences(path: str, came: Sequence[Any], expected: Sequence[Any]) -> _Lines:
    pairs = [
        (place, mine, theirs)
        for place, (mine, theirs) in enumerate(zip(came, expected, strict=False))
        if mine != theirs
    ]
    long = max(len(_shown(came)), len(_shown(expected))) > _IN_A_LINE
    within = long or any(_is_record(mine) for _, mine, _ in pairs)
    if len(came) != len(expected) or (pairs and not within):
        yield from _apart(path, came, expected)
        return
    if type(came) is not type(expected):
        yield path, f"{_kind(came)}, expected {_kind(expected)}"
    for place, mine, theirs in pairs:
        yield from _lines(f"{path}[{place}]", mine, theirs)


def _apart(path: str, came: object, expected: object) -> _Lines:
    """Yield two values beside each other, or one below the other where nothing is before them."""
    if path:
        yield path, _pair(came, expected)
        return
    for line in _whole(came, expected).split("\n"):
        yield "", line.removeprefix("  ")


def _pair(came: object, expected: object) -> str:
    return f"{_shown(came)}, expected {_shown(expected)}"


def _kind(value: object) -> str:
    name = type(value).__name__
    return f"an {name}" if name[0] in "aeiou" else f"a {name}"


def _is_record(value: object) -> bool:
    """Say whether a value is of a class that shows its fields by the `repr` that attrs makes."""
    kind = type(value)
    return attrs.has(kind) and repr(value).startswith(f"{kind.__name__}({_first_shown(kind)}=")


def _first_shown(kind: type[Any]) -> str:
    return next((field.name for field in attrs.fields(kind) if field.repr), "")


def _is_sequence(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


class _Absent:
    def __repr__(self) -> str:
        return "nothing"


_NONE: Final = _Absent()


def _differing(came: Mapping[Any, Any], expected: Mapping[Any, Any]) -> list[Any]:
    keys = {**expected, **came}
    return [key for key in keys if came.get(key, _NONE) != expected.get(key, _NONE)]


def _some(values: Collection[object]) -> str:
    return _shown(sorted(values, key=repr)) if values else "none"


def _shown(value: object) -> str:
    return shortened(_TIME.sub(_as_iso, repr(value)))


def _as_iso(found: re.Match[str]) -> str:
    """Return a time that a `repr` tells as ISO 8601 does."""
    told = [*map(int, found[1].split(", ")), 0, 0, 0, 0]
    year, month, day, hour, minute, second, microsecond = told[:7]
    zone = UTC if found[2] else None
    return datetime(year, month, day, hour, minute, second, microsecond, zone).isoformat()
