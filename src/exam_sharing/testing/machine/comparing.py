"""Asking the package and the model the same, and stopping where they disagree."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import count
from typing import Final, TypeVar

import attrs

from exam_sharing.errors import RequestIdReused
from exam_sharing.grants import Permission
from exam_sharing.identifiers import ExamId, UserId
from exam_sharing.policy.decisions import Refused
from exam_sharing.policy.requests import Request, Reshares, ShareRequest, UnshareRequest
from exam_sharing.policy.views import Page
from exam_sharing.testing import model
from exam_sharing.testing.machine import answers
from exam_sharing.testing.machine.changes import Changes, Watch
from exam_sharing.testing.machine.drawing import pick
from exam_sharing.testing.machine.hospital import EXAMS, GROUPS, STRANGER, USERS, Hospital
from exam_sharing.testing.machine.words import Raised

__all__ = ["Comparison", "Disagreement"]

ItemT = TypeVar("ItemT")

PERMISSIONS: Final = tuple(Permission)
CHECKS: Final = tuple((permission, exam) for exam in EXAMS for permission in PERMISSIONS)
"""Every check of one user."""
CHECKS_IN_WORDS: Final = tuple(f"{permission.name} {exam}" for permission, exam in CHECKS)
RECIPIENTS: Final = 3
"""So many times as many recipients are on a page, or suggested, as exams are on a page."""
MOST: Final = 2 * max(len(EXAMS), len(USERS) + len(GROUPS))
"""More than any list in a hospital holds, on pages of one."""
KINDS: Final[tuple[Permission | Reshares, ...]] = (*PERMISSIONS, *Reshares)
"""What people might ask for: shares of some permission, endings with what becomes of re-shares."""
ID_REUSED: Final = "the request id is another one's"
NOTHING: Final = 0
"""Less than any permission."""


class Disagreement(Exception):
    """The package and the model answer one question differently.

    Args:
        question: what was asked, in words.
        expected: what the model answers, as a plain value.
        came: what the package answers.
    """

    def __init__(self, question: str, expected: object, came: object) -> None:
        """Keep the question and both answers."""
        super().__init__(question, expected, came)
        self.question = question
        self.expected = expected
        self.came = came


@attrs.define
class Comparison:
    """Every user's every answer, from both sides of one hospital.

    What a store answers by itself (checks and lists) is asked anew each time. What the package
    makes of facts is asked anew when anything has changed that it is made of.

    Attributes:
        hospital: whom to ask.
        page: how many exams a page of a list holds.
        typed: what everybody types to find recipients.
        turn: with whom and what begins that which is asked in turn.
    """

    hospital: Hospital
    page: int = 2
    typed: str = "al"
    turn: int = 0
    _watch: Watch = attrs.field(init=False)
    _turns: Iterator[int] = attrs.field(init=False)
    _held: dict[UserId, dict[ExamId, Permission]] = attrs.field(factory=dict, init=False)
    _lists: dict[UserId, tuple[tuple[object, ...], ...]] = attrs.field(factory=dict, init=False)

    @_watch.default
    def _watching(self) -> Watch:
        return Watch(self.hospital)

    @_turns.default
    def _from_turn_on(self) -> Iterator[int]:
        return count(self.turn)

    def held(self) -> list[tuple[UserId, ExamId]]:
        """Return who has access to which exam, as of the last comparison."""
        return [(user, exam) for user, held in self._held.items() for exam in held]

    def same(self, question: str, expected: object, ask: Callable[[], object]) -> None:
        """Ask, and insist on an answer.

        Raises:
            Disagreement: another answer came, or an error.
        """
        try:
            came = ask()
        except Refused as refused:
            came = answers.refusal(refused.reasons, self.hospital.kept.numbers)
        except Exception as error:
            raise Disagreement(question, expected, Raised(type(error).__name__)) from error
        if came != expected:
            raise Disagreement(question, expected, came)

    def what_changed(self) -> Changes:
        """Return what has changed since everything was compared.

        Raises:
            Disagreement: what the store keeps cannot be read.
        """
        found: list[Changes] = []

        def ask() -> bool:
            found.append(self._watch.changes())
            return True

        self.same("Can what is kept be read?", expected=True, ask=ask)
        return found[0]

    def everything(self, changes: Changes) -> None:
        """Compare all answers.

        Args:
            changes: since that was done last.

        Raises:
            Disagreement: some answer is another one.
        """
        hospital = self.hospital
        for exam in self._in_order(changes.rewritten):
            kept = hospital.kept.in_model(exam)
            self.same(f"What is kept of {exam}?", kept, partial(hospital.kept.in_store, exam))
        concerned = self._concerned(changes)
        for user in (*hospital.users, STRANGER):
            self._checks(user, concerned.get(user, ()))
            self._pages(user, anew=bool(concerned.get(user, ())))
        for user, exams in concerned.items():
            for exam in exams:
                self._of_one_exam(user, exam)
            for exam in self._with_what_came_along(exams):
                self._form(user, exam)
            for exam in hospital.exams if changes.choosable else exams:
                self._choices(user, exam)
        for exam in hospital.exams if changes.users else self._in_order(changes.exams):
            self._holders(exam)

    def in_turn(self, changes: Changes) -> None:
        """Ask one question though nothing has changed, and for one of the endless previews.

        Args:
            changes: since the last step; of what has changed, the preview is.

        Raises:
            Disagreement: some answer is another one.
        """
        hospital, turn = self.hospital, next(self._turns)
        concerned = [
            (user, exam) for user, exams in self._concerned(changes).items() for exam in exams
        ]
        everything = [(user, exam) for exam in EXAMS for user in (*hospital.users, STRANGER)]
        asked, kind = divmod(turn, 4)
        user, exam = pick(asked, everything)
        match kind:
            case 0:
                self._of_one_exam(user, exam)
            case 1:
                self._form(user, exam)
            case 2:
                self._choices(user, exam)
            case _:
                self._holders(exam)
        request = self._might_ask(*pick(turn, concerned or everything), turn)
        self.preview(request, request)

    def _might_ask(self, user: UserId, exam: ExamId, turn: int) -> Request:
        """Return something that a user might ask for, each time something else."""
        which, kind = divmod(turn, len(KINDS))
        recipient, asked = pick(which, self.hospital.principals), KINDS[kind]
        if isinstance(asked, Permission):
            return ShareRequest(actor=user, exam=exam, recipients=(recipient,), permission=asked)
        return UnshareRequest(actor=user, exam=exam, recipient=recipient, reshares=asked)

    def _concerned(self, changes: Changes) -> Mapping[UserId, tuple[ExamId, ...]]:
        """Return, for each user, the exams of which they may be told something else now."""
        hospital, changed = self.hospital, self._in_order(changes.exams)
        return {
            user: hospital.exams if user in changes.users else changed for user in hospital.users
        }

    def _in_order(self, exams: frozenset[ExamId]) -> tuple[ExamId, ...]:
        return tuple([exam for exam in self.hospital.exams if exam in exams])

    def _with_what_came_along(self, exams: Iterable[ExamId]) -> list[ExamId]:
        all_exams = self.hospital.world.exams
        batches = {all_exams[exam].batch for exam in exams}
        return [exam for exam, each in all_exams.items() if each.batch in batches]

    def _checks(self, user: UserId, concerned: tuple[ExamId, ...]) -> None:
        held = self._held_in_model(user, concerned)
        can, can_many = self.hospital.sharing.can, self.hospital.sharing.can_many
        self.same(
            f"What may {user} do?",
            in_words([held.get(exam, NOTHING) >= permission for permission, exam in CHECKS]),
            lambda: in_words([can(user, permission, exam) for permission, exam in CHECKS]),
        )
        self.same(
            f"Which exams may {user} view, and which download?",
            [{exam for exam in held if held[exam] >= permission} for permission in PERMISSIONS],
            lambda: [can_many(user, permission, EXAMS) for permission in PERMISSIONS],
        )

    def _holders(self, exam: ExamId) -> None:
        sharing, world, now = self.hospital.sharing, self.hospital.world, self.hospital.now
        number = self.hospital.kept.number
        for permission in PERMISSIONS:
            expected = model.who_can(world, permission, exam, now)
            self.same(
                f"Who can {permission.name} {exam}?",
                answers.refusal_in_model(expected)
                if isinstance(expected, model.Refused)
                else answers.holders_in_model(expected),
                lambda: answers.holders(sharing.admin.who_can(permission, exam), number),  # noqa: B023  asked at once
            )

    def _held_in_model(
        self, user: UserId, concerned: Iterable[ExamId]
    ) -> Mapping[ExamId, Permission]:
        """Return the highest permission of a user on each exam on which they hold any."""
        world, now = self.hospital.world, self.hospital.now
        held = self._held.setdefault(user, {})
        for exam in concerned:
            held.pop(exam, None)
            for permission in PERMISSIONS:
                if model.holds(world, user, permission, exam, now):
                    held[exam] = permission
        return held

    def _pages(self, user: UserId, *, anew: bool) -> None:
        sharing, world, now = self.hospital.sharing, self.hospital.world, self.hospital.now
        if anew or user not in self._lists:
            self._lists[user] = (
                tuple(model.visible_to(world, user, now)),
                tuple(model.shared_with(world, user, now)),
            )
        visible, shared = self._lists[user]
        self.same(
            f"What is visible to {user}, newest upload first?",
            visible,
            lambda: answers.listed(every_item(partial(sharing.visible_to, user, limit=self.page))),
        )
        self.same(
            f"What is shared with {user}, newest upload first?",
            shared,
            lambda: answers.listed(every_item(partial(sharing.shared_with, user, limit=self.page))),
        )

    def _of_one_exam(self, user: UserId, exam: ExamId) -> None:
        sharing, world, now = self.hospital.sharing, self.hospital.world, self.hospital.now
        number, ways = self.hospital.kept.number, partial(model.shortest_ways, world, user)
        self.same(
            f"Which tabs has {exam} for {user}?",
            model.tabs(world, user, exam, now),
            lambda: frozenset([tab.value for tab in sharing.tabs(user, exam)]),
        )
        for permission in PERMISSIONS:
            self.same(
                f"Why may {user} {permission.name} {exam}, or why not?",
                answers.explained_in_model(
                    model.explain(world, user, permission, exam, now),
                    lambda grant: ways(world.grants[grant].recipient),
                ),
                lambda: answers.explained(
                    sharing.admin.explain(user, permission, exam),  # noqa: B023  asked at once
                    number,
                    ways,
                ),
            )
        expected = model.access_list(world, user, exam, now)
        self.same(
            f"What is on the access list of {exam} for {user}?",
            answers.refusal_in_model(expected)
            if isinstance(expected, model.Refused)
            else answers.seen_list_in_model(expected),
            lambda: answers.seen_list(sharing.access_list(user, exam), self.hospital.kept.shown),
        )

    def preview(self, request: Request, in_model: Request) -> None:
        """Compare what a request would do, as far as its actor may know.

        Args:
            request: the request.
            in_model: the same, as it is put to the model.

        Raises:
            Disagreement: the model says something else.
        """
        hospital = self.hospital
        question = f"What would this do: {hospital.words.request(in_model)}?"

        def ask() -> object:
            try:
                came = hospital.sharing.preview(request)
            except RequestIdReused:
                return ID_REUSED
            return answers.previewed(came, hospital.kept.numbers)

        try:
            expected = model.preview(hospital.world, in_model, hospital.now)
        except model.RequestIdReused:
            self.same(question, ID_REUSED, ask)
        else:
            self.same(question, answers.previewed_in_model(expected), ask)

    def _form(self, user: UserId, exam: ExamId) -> None:
        hospital = self.hospital
        self.same(
            f"What does the share form of {exam} show {user}?",
            answers.shown_form(model.share_form(hospital.world, user, exam, hospital.now)),
            lambda: answers.shown_form(hospital.sharing.share_form(user, exam)),
        )

    def _choices(self, user: UserId, exam: ExamId) -> None:
        sharing, world, now = self.hospital.sharing, self.hospital.world, self.hospital.now
        most = RECIPIENTS * self.page
        self.same(
            f"With whom may {user} share {exam}, by name?",
            answers.chosen_from(model.recipients(world, user, exam, now)),
            lambda: answers.chosen_from(
                every_item(partial(sharing.recipients, user, exam, limit=most))
            ),
        )
        self.same(
            f"Whom does {self.typed!r} suggest to {user}, who shares {exam}?",
            answers.chosen_from(model.suggestions(world, user, exam, self.typed, now)[:most]),
            lambda: answers.chosen_from(sharing.suggest(user, exam, self.typed, limit=most)),
        )


def in_words(checks: list[bool]) -> Mapping[str, bool]:
    """Return the answers to all checks of a user by their words."""
    return dict(zip(CHECKS_IN_WORDS, checks, strict=True))


def every_item(ask: Callable[..., Page[ItemT]]) -> Iterator[ItemT]:
    """Read a list to its end; a list that does not end is cut where it must have repeated."""
    after = None
    for _ in range(MOST):
        page = ask(after=after)
        yield from page.items
        after = page.next
        if after is None:
            return
