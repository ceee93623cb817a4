"""Identifiers: opaque strings with a kind, compared code point by code point.

A user and a group of the same string are two principals. Where identifiers of both kinds meet, a
`PrincipalKey` holds the kind in the string: `"u:alice"` is a user and `"g:alice"` is a group.

Specification: `#ids`.
"""

from collections.abc import Mapping
from hashlib import sha256
from typing import ClassVar, Final, NewType, TypeAlias

import attrs

from exam_sharing.errors import InvalidInput
from exam_sharing.validation import MAX_IDENTIFIER_LENGTH, exact_text, identifier_text

PrincipalKey = NewType("PrincipalKey", str)
"""The identifier of a principal with its kind in front, as one plain string."""

Keys: TypeAlias = frozenset[PrincipalKey]
"""The keys of a user and of every group that they are in; empty for a user who holds nothing."""


def _exact(value: str) -> str:
    """Return a text as an exact `str`; leave anything else to the validator."""
    return exact_text("", value) if issubclass(type(value), str) else value


def _check(instance: object, _attribute: "attrs.Attribute[str]", value: object) -> None:
    identifier_text(type(instance).__name__, value)


@attrs.frozen(cache_hash=True, repr=False, weakref_slot=False)
class Identifier:
    """One string of 1 to 255 code points, with a kind."""

    value: str = attrs.field(converter=_exact, validator=_check)

    def __lt__(self, other: object) -> bool:
        # By hand, since the method of attrs takes ten times as long.
        if other.__class__ is not self.__class__:
            return NotImplemented
        return self.value < other.value

    def __str__(self) -> str:
        return self.value

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.value!r})"


def _key(principal: "_Principal") -> PrincipalKey:
    value: object = principal.value
    # The validator refuses what is no text; it runs once every field is there.
    return PrincipalKey(principal._kind + value if isinstance(value, str) else "")  # noqa: SLF001


@attrs.frozen(cache_hash=True, repr=False, weakref_slot=False)
class _Principal(Identifier):
    """Keeps its key, so that sets of keys share the string."""

    _kind: ClassVar[str]

    key: PrincipalKey = attrs.field(
        init=False, eq=False, default=attrs.Factory(_key, takes_self=True)
    )
    """The identifier with its kind."""


@attrs.frozen(cache_hash=True, repr=False, weakref_slot=False)
class UserId(_Principal):
    """Names a user."""

    _kind: ClassVar[str] = "u:"


@attrs.frozen(cache_hash=True, repr=False, weakref_slot=False)
class GroupId(_Principal):
    """Names a group of users and groups."""

    _kind: ClassVar[str] = "g:"


@attrs.frozen(cache_hash=True, repr=False, weakref_slot=False)
class ExamId(Identifier):
    """Names an exam."""


@attrs.frozen(cache_hash=True, repr=False, weakref_slot=False)
class BatchId(Identifier):
    """Names an upload batch."""


@attrs.frozen(cache_hash=True, repr=False, weakref_slot=False)
class GrantId(Identifier):
    """Names a grant."""


@attrs.frozen(cache_hash=True, repr=False, weakref_slot=False)
class ShareId(Identifier):
    """Names a share, the act that made some grants."""


@attrs.frozen(cache_hash=True, repr=False, weakref_slot=False)
class NoticeId(Identifier):
    """Names a notice, so that a receiver can drop repeats."""


PrincipalId: TypeAlias = UserId | GroupId
"""A recipient of grants."""


def principal_of(key: PrincipalKey | str) -> PrincipalId:
    """Return the identifier of a key, as a form sends it back.

    Raises:
        WrongKind: it is not a `str`.
        InvalidInput: it is not the key of a user or a group.
    """
    text = exact_text("principal", key)
    kind = _KINDS.get(text[:2])
    if kind is None:
        raise InvalidInput("principal", 'must be the key of a user, "u:…", or of a group, "g:…"')
    return kind(text[2:])


_KINDS: Final[Mapping[str, type[UserId] | type[GroupId]]] = {"u:": UserId, "g:": GroupId}


_DIGITS: Final = 20
"""In hexadecimal: 80 bits, to distinguish what one act makes."""
LONGEST_ACT: Final = MAX_IDENTIFIER_LENGTH - 1 - _DIGITS
"""The longest id of an act in code points, so that every `id_within` fits."""


def id_within(act: str, *parts: object) -> str:
    """Return the id of something that an act makes; the same arguments give the same id.

    It is a digest, since a number would show how many other things the act made. The parts are
    identifiers and words that are unique within the act; they are not secret.
    """
    # Identifiers contain no line break, so two lists of parts never give the same text. The
    # identifier itself refuses a lone surrogate.
    text = "\n".join(map(str, (act, *parts)))
    digest = sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{act}-{digest[:_DIGITS]}"
