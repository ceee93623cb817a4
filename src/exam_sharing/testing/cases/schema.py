"""What a decision case is made of, and what a portal must answer to have cases run against it.

Users, groups, exams and batches are told by their ids. Where a user or a group can stand, the kind
is in front: `"user:ben"` or `"group:nurses"`. Times are ISO 8601 in UTC; `None` is for good.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeAlias, TypedDict

__all__ = ["Answered", "Case", "Data", "Given", "OpenPortal", "Portal"]

Data: TypeAlias = dict[str, Any]
"""Plain data: what JSON can hold."""


class Given(TypedDict):
    """The portal before anything is asked of it."""

    now: str
    """What the clock tells."""
    policy: Data
    """Settings, by the names of `Policy`; durations in seconds.

    Those left out have the values that `as_json` has under `policy_defaults`.
    """
    users: list[Data]
    """Each with id, name, email, active, sharing_in_plan and notices."""
    groups: list[Data]
    """Each with id, name and members."""
    uploads: list[Data]
    """Each with batch, sealed, and exams: id, owner, uploaded_at, subject."""
    unseen: list[list[str]]
    """Pairs of an actor and a principal whom they do not see in the directory."""
    unseen_members: list[list[str]]
    """Pairs of an actor and a group of which they do not see the members."""
    acts: list[Data]
    """What has been done, in this order; none of it is refused."""


class Answered(TypedDict):
    """A question and the answer that it must get."""

    question: Data
    answer: Any


class Case(TypedDict):
    """One decision case."""

    name: str
    """A sentence, unlike that of any other case."""
    rule: str
    """What it is an example of, in the words of the rules or of the product page."""
    codes: list[str]
    """The codes that a refusal in it has."""
    given: Given
    when: Data | None
    """The act that the case is about; `None` where it only asks."""
    outcome: Data | None
    """What comes of the act."""
    then: list[Answered]
    """What is answered afterwards."""


class Portal(Protocol):
    """What cases are run against, in plain data.

    Each case has a portal of its own, opened by an `OpenPortal` as the case's `given` says. First
    it is told to `do` each of the acts that the case begins with, in their order; if one of them
    does not succeed, nothing more is done or asked. Then it is told to `do` what the case is about,
    and asked each question in turn. What comes back is compared with what the case says: mappings
    whichever order their keys have, lists item by item. The acts, the questions, what comes of
    each, and how lists are sorted, are in the reference.

    Whatever it raises is a difference, except for `StoreNotUsable`, which ends the run.
    """

    def do(self, act: Data) -> Data:
        """Do what somebody asks for, and return what came of it.

        Args:
            act: its name under `act`, as `"share"`, and its fields. One that is left out has its
                default.

        Returns:
            What the act gives under its key, as under `shared`; an empty mapping where it gives
            nothing. A refusal has its reasons under `refused`, and a mistake of the calling code
            its name under `error`.
        """
        ...

    def ask(self, question: Data) -> Any:
        """Answer a question, which changes nothing.

        Args:
            question: its name under `question`, as `"can"`, and its fields.

        Returns:
            The answer, of whichever shape that question has; a refusal as `do` returns it.
        """
        ...


OpenPortal: TypeAlias = Callable[[Given], Portal | AbstractContextManager[Portal]]
"""Gives a portal in which everything is so as given, except the acts, or a manager around one."""
