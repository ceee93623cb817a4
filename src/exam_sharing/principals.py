"""Users and groups: the principals with whom an exam can be shared.

Only users act. Groups contain users and groups, to any depth. Names and addresses belong to people,
so no `repr` shows them.
"""

from collections.abc import Iterable

import attrs

from exam_sharing.errors import InvalidInput
from exam_sharing.identifiers import GroupId, UserId
from exam_sharing.validation import is_a, plain_text, set_of

MAX_NAME_LENGTH = 500
MAX_ADDRESS_LENGTH = 254


def principal_name(value: str) -> str:
    """Return the name of a user or group, or raise an error if it cannot be one."""
    return plain_text("name", value, max_length=MAX_NAME_LENGTH)


def _address(value: str | None) -> str | None:
    if value is None:
        return None
    text = plain_text("email", value, max_length=MAX_ADDRESS_LENGTH)
    has_two_sides = text.count("@") == 1 and not text.startswith("@") and not text.endswith("@")
    if not has_two_sides or any(c.isspace() or c in ',;<>"' for c in text):
        raise InvalidInput("email", "must be one e-mail address, as name@host")
    return text


def _members(value: Iterable[UserId | GroupId]) -> frozenset[UserId | GroupId]:
    return set_of("members", value, UserId, GroupId)


@attrs.frozen(kw_only=True)
class User:
    """A person who can act; an inactive one holds nothing and may not act.

    The name is what colleagues call them: at most 500 code points, no controls.
    """

    id: UserId = attrs.field(validator=is_a(UserId))
    name: str = attrs.field(converter=principal_name, repr=False)
    email: str | None = attrs.field(default=None, converter=_address, repr=False)
    active: bool = attrs.field(default=True, validator=is_a(bool))


@attrs.frozen(kw_only=True)
class Group:
    """Users and groups under one name: at most 500 code points, no controls.

    Its members are the direct ones; they need not be known yet.
    """

    id: GroupId = attrs.field(validator=is_a(GroupId))
    name: str = attrs.field(converter=principal_name, repr=False)
    members: frozenset[UserId | GroupId] = attrs.field(
        default=frozenset(), converter=_members, repr=lambda members: str(len(members))
    )
