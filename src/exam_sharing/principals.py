"""Users and groups: whom an exam can be shared with.

Only users act. Groups hold users and groups, to any depth. Names and addresses belong to people,
so they stay out of every `repr`.
"""

from collections.abc import Iterable
from typing import Any

import attrs

from exam_sharing.errors import InvalidValue
from exam_sharing.identifiers import GroupId, UserId
from exam_sharing.validation import is_a, plain_text, set_of

__all__ = ["Group", "User"]

MAX_NAME_LENGTH = 500
MAX_ADDRESS_LENGTH = 254


def _check_name(_instance: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    plain_text(attribute.name, value, max_length=MAX_NAME_LENGTH)


def _check_address(_instance: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    if value is None:
        return
    text = plain_text(attribute.name, value, max_length=MAX_ADDRESS_LENGTH)
    has_two_sides = text.count("@") == 1 and not text.startswith("@") and not text.endswith("@")
    if not has_two_sides or any(c.isspace() or c in ',;<>"' for c in text):
        raise InvalidValue(attribute.name, "must be one e-mail address, as name@host")


def _members(value: Iterable[UserId | GroupId]) -> frozenset[UserId | GroupId]:
    return set_of("members", value, UserId, GroupId)


@attrs.frozen(kw_only=True)
class User:
    """Someone who can act.

    Attributes:
        id: who it is.
        name: the name that colleagues know; at most 500 code points, no controls.
        email: one address, or `None` for a user whom no mail reaches.
        active: an inactive user holds nothing and may not act.
    """

    id: UserId = attrs.field(validator=is_a(UserId))
    name: str = attrs.field(validator=_check_name, repr=False)
    email: str | None = attrs.field(default=None, validator=_check_address, repr=False)
    active: bool = attrs.field(default=True, validator=is_a(bool))


@attrs.frozen(kw_only=True)
class Group:
    """Users and groups under one name.

    Attributes:
        id: which group it is.
        name: the name that colleagues know; at most 500 code points, no controls.
        members: its direct members; they need not be known yet.
    """

    id: GroupId = attrs.field(validator=is_a(GroupId))
    name: str = attrs.field(validator=_check_name, repr=False)
    members: frozenset[UserId | GroupId] = attrs.field(
        default=frozenset(), converter=_members, repr=lambda members: str(len(members))
    )
