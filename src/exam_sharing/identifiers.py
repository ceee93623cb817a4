"""Identifiers: opaque strings with a kind, compared code point by code point.

A user and a group of the same string are two principals, everywhere. Where identifiers of both
kinds meet in one place, `PrincipalKey` carries the kind within the string: `"u:alice"` is a user
and `"g:alice"` is a group.
"""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any, ClassVar, Final, NewType, TypeAlias

import attrs

from exam_sharing.errors import InvalidInput
from exam_sharing.validation import MAX_IDENTIFIER_LENGTH, exact_text, identifier_text

__all__ = [
    "LONGEST_ACT",
    "BatchId",
    "ExamId",
    "GrantId",
    "GroupId",
    "NoticeId",
    "PrincipalId",
    "PrincipalKey",
    "ShareId",
    "UserId",
    "id_within",
    "principal_of",
]

PrincipalKey = NewType("PrincipalKey", str)
"""A principal's identifier with its kind in front, as one plain string."""


def _exact(value: str) -> str:
    """Return a text as a `str` and no subclass; what is no text is left to the validator."""
    return exact_text("", value) if issubclass(type(value), str) else value


def _check(instance: object, _attribute: "attrs.Attribute[Any]", value: object) -> None:
    identifier_text(type(instance).__name__, value)


@attrs.frozen(cache_hash=True, repr=False, weakref_slot=False)
class _Identifier:
    value: str = attrs.field(converter=_exact, validator=_check)

    def __lt__(self, other: object) -> bool:
        """Compare the strings of two identifiers of one kind."""
        # By itself, since what attrs would make takes ten times as long.
        if other.__class__ is not self.__class__:
            return NotImplemented
        return self.value < other.value

    def __str__(self) -> str:
        """Return the string as it was given."""
        return self.value

    def __repr__(self) -> str:
        """Return the constructor's call."""
        return f"{type(self).__name__}({self.value!r})"


def _key(principal: "_Principal") -> PrincipalKey:
    value: object = principal.value
    # What is no text is refused by the validator, which runs once every field is there.
    return PrincipalKey(principal._kind + value if isinstance(value, str) else "")  # noqa: SLF001


@attrs.frozen(cache_hash=True, repr=False, weakref_slot=False)
class _Principal(_Identifier):
    """Keeps its key, since whoever keeps sets of keys then shares the string."""

    _kind: ClassVar[str]

    key: PrincipalKey = attrs.field(
        init=False, eq=False, default=attrs.Factory(_key, takes_self=True)
    )
    """The identifier with its kind."""


@attrs.frozen(cache_hash=True, repr=False, weakref_slot=False)
class UserId(_Principal):
    """Names a user: one string of 1 to 255 code points."""

    _kind: ClassVar[str] = "u:"


@attrs.frozen(cache_hash=True, repr=False, weakref_slot=False)
class GroupId(_Principal):
    """Names a group of users and groups: one string of 1 to 255 code points."""

    _kind: ClassVar[str] = "g:"


@attrs.frozen(cache_hash=True, repr=False, weakref_slot=False)
class ExamId(_Identifier):
    """Names an exam: one string of 1 to 255 code points."""


@attrs.frozen(cache_hash=True, repr=False, weakref_slot=False)
class BatchId(_Identifier):
    """Names an upload batch: one string of 1 to 255 code points."""


@attrs.frozen(cache_hash=True, repr=False, weakref_slot=False)
class GrantId(_Identifier):
    """Names a grant: one string of 1 to 255 code points."""


@attrs.frozen(cache_hash=True, repr=False, weakref_slot=False)
class ShareId(_Identifier):
    """Names a share, the act that made some grants: one string of 1 to 255 code points."""


@attrs.frozen(cache_hash=True, repr=False, weakref_slot=False)
class NoticeId(_Identifier):
    """Names a notice, so that a receiver can drop a repeat: 1 to 255 code points."""


PrincipalId: TypeAlias = UserId | GroupId
"""Whom a grant can be made to."""


def principal_of(key: PrincipalKey | str) -> PrincipalId:
    """Return the identifier that a key stands for, as a form sends it back.

    Raises:
        WrongKind: it is not a `str`.
        InvalidInput: it is no key of a user or a group.
    """
    text = exact_text("principal", key)
    kind = _KINDS.get(text[:2])
    if kind is None:
        raise InvalidInput("principal", 'must be the key of a user, "u:…", or of a group, "g:…"')
    return kind(text[2:])


_KINDS: Final[Mapping[str, type[UserId] | type[GroupId]]] = {
    kind._kind: kind  # noqa: SLF001
    for kind in (UserId, GroupId)
}


_DIGITS: Final = 20
"""In hexadecimal: 80 bits, among what one act makes."""

LONGEST_ACT: Final = MAX_IDENTIFIER_LENGTH - 1 - _DIGITS
"""How many code points the id of an act may have, so that `id_within` makes no id too long."""


def id_within(act: str, *parts: object) -> str:
    """Return the id of something that an act makes, from what distinguishes it within the act.

    It is a digest and no number: a number would count what the act made beside it, also for people
    who may not know of that. The same act and parts give the same id.

    Args:
        act: the id of the act.
        parts: identifiers and words; whoever reads the id may know them all.
    """
    # No identifier holds a line break, so that no two lists of parts are the same text. A lone
    # surrogate is left for the identifier itself to refuse.
    text = "\n".join(map(str, (act, *parts)))
    digest = sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{act}-{digest[:_DIGITS]}"
