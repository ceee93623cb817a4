"""The parts of a decision case, and the portal that cases run against.

Users, groups, exams and batches are named by their ids. A principal has its kind in front:
`"user:ben"` or `"group:nurses"`. Times are ISO 8601 in UTC; `None` is for good.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, NotRequired, Protocol, TypeAlias, TypedDict

__all__ = ["Answered", "Case", "Data", "Given", "OpenPortal", "Portal"]

Data: TypeAlias = dict[str, Any]
"""Plain data: what JSON can hold."""


class Given(TypedDict):
    """The portal before the act that the case is about."""

    now: str
    """The time of the clock."""
    policy: Data
    """Settings, by the names of `Policy`; durations in seconds.

    The others have the values that `as_json` has under `policy_defaults`.
    """
    users: list[Data]
    """Each with id, name, email, active, sharing_in_plan and notices."""
    groups: list[Data]
    """Each with id, name and members."""
    uploads: list[Data]
    """Each with batch, sealed, and exams: id, owner, uploaded_at, subject."""
    unseen: list[list[str]]
    """Pairs of an actor and a principal who is hidden from them in the directory."""
    unseen_members: list[list[str]]
    """Pairs of an actor and a group whose members are hidden from them."""
    acts: list[Data]
    """Acts, in this order; none of them is refused."""


class Answered(TypedDict):
    """A question and its expected answer."""

    question: Data
    answer: Any
    choice: NotRequired[str]
    """What the specification leaves open in the answer."""


class Case(TypedDict):
    """One decision case."""

    name: str
    """A sentence that no other case has."""
    rule: str
    """The rule of which the case is an example, in words."""
    codes: list[str]
    """The codes of the refusals in the case."""
    given: Given
    when: Data | None
    """The act that the case is about; `None` if it only has questions."""
    outcome: Data | None
    """The expected outcome of the act; with an act, `None` is any outcome."""
    choice: NotRequired[str]
    """What the specification leaves open in the outcome."""
    then: list[Answered]
    """Questions after the act, with their answers."""


class Portal(Protocol):
    """The portal that cases run against, in plain data.

    An `OpenPortal` opens a portal of its own for each case, as the case's `given` has it. The
    runner calls `do` for each act under `given`, in order. If one of them fails, the case ends
    there. Then it calls `do` for the act under `when`, and `ask` for each question. It compares the
    results with the case: mappings in any order of their keys, lists item by item. The reference
    documents the acts, the questions, their results and the order of lists.

    Any exception is a difference, except `StoreNotUsable`, which ends the run.
    """

    def do(self, act: Data) -> Data:
        """Do an act, and return its outcome.

        Args:
            act: the name under `act`, as `"share"`, and the fields. Missing fields have defaults.

        Returns:
            The result under its key, as under `shared`; an empty mapping for acts without a result.
            The reasons of a refusal are under `refused`, and the name of an error of input or of
            the caller is under `error`.
        """
        ...

    def ask(self, question: Data) -> Any:
        """Answer a question, which changes nothing; a refusal is returned as by `do`.

        A question has its name under `question`, as `"can"`, and the fields.
        """
        ...


OpenPortal: TypeAlias = Callable[[Given], Portal | AbstractContextManager[Portal]]
"""Opens a portal as given, without the acts, or returns a context manager around one."""
