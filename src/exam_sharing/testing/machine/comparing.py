"""Asking the package and the model the same, and stopping where they disagree."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import partial
from typing import Final

import attrs

from exam_sharing.grants import Permission
from exam_sharing.identifiers import ExamId, UserId
from exam_sharing.policy.decisions import Refused
from exam_sharing.policy.plans import Preview, ShareReceipt, UnshareReceipt
from exam_sharing.policy.requests import Request, RevokeRequest
from exam_sharing.policy.settings import AccessListScope
from exam_sharing.policy.views import Page, VisibleExam
from exam_sharing.testing import model
from exam_sharing.testing.machine import answers
from exam_sharing.testing.machine.hospital import EXAMS, Hospital
from exam_sharing.testing.machine.words import Raised

__all__ = ["Comparison", "Disagreement"]

PERMISSIONS: Final = tuple(Permission)
NOTHING_HELD: Final = (False,) * len(PERMISSIONS)
CHECKS: Final = tuple(
    (f"{permission.name} {exam}", permission, exam) for exam in EXAMS for permission in PERMISSIONS
)
"""Every check of one user, in words as well."""
NOBODY: Final = UserId("nobody")
"""A user whom no directory knows is asked about too, as are exams that have not arrived."""


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
    makes of facts is asked anew when anything that it is made of has changed: what the store gives
    of the exam or of one that came with it, what the model keeps of those, the directory, or the
    time.

    Attributes:
        hospital: whom to ask.
        page: how many exams a page of a list holds.
    """

    hospital: Hospital
    page: int = 2
    _held: dict[tuple[UserId, ExamId], tuple[bool, ...]] = attrs.field(factory=dict, init=False)
    _checked: dict[UserId, tuple[Mapping[str, bool], tuple[frozenset[ExamId], ...]]] = attrs.field(
        factory=dict, init=False
    )
    _lists: dict[tuple[UserId, bool], tuple[object, ...]] = attrs.field(factory=dict, init=False)

    def held(self) -> list[tuple[UserId, ExamId]]:
        """Return who has access to which exam, as of the last comparison."""
        return [pair for pair, held in self._held.items() if held[0]]

    def same(self, question: str, expected: object, ask: Callable[[], object]) -> None:
        """Ask, and insist on an answer.

        Raises:
            Disagreement: another answer came, or an error.
        """
        try:
            came = ask()
        except Refused as refused:
            came = answers.refusal(refused.reasons, self.hospital.numbers)
        except Exception as error:
            raise Disagreement(question, expected, Raised(type(error).__name__)) from error
        if came != expected:
            raise Disagreement(question, expected, came)

    def what_changed(self) -> frozenset[ExamId]:
        """Return the exams of which the store or the model keeps something else than before.

        Raises:
            Disagreement: it cannot be read.
        """
        found: list[frozenset[ExamId]] = []

        def ask() -> bool:
            found.append(self.hospital.changed())
            return True

        self.same("Can what is kept be read?", expected=True, ask=ask)
        return found[0]

    def everything(self, changed: frozenset[ExamId], *, anew: Collection[UserId]) -> None:
        """Compare all answers.

        Args:
            changed: the exams of which the store or the model keeps something else than before.
            anew: whose answers on every exam may be others now, since the directory or the time
                has changed.

        Raises:
            Disagreement: some answer is another one.
        """
        hospital = self.hospital
        for exam in self._in_order(changed):
            kept = hospital.kept_in_model(exam)
            self.same(f"What is kept of {exam}?", kept, partial(hospital.kept, exam))
        for user in (*hospital.users, NOBODY):
            concerned = hospital.exams if user in anew else self._in_order(changed)
            self._checks(user, concerned)
            self._pages(user, anew=bool(concerned))
        for user in hospital.users:
            concerned = hospital.exams if user in anew else self._in_order(changed)
            for exam in concerned:
                self._views(user, exam)
            for exam in self._with_what_came_along(concerned):
                self._form(user, exam)

    def _in_order(self, exams: frozenset[ExamId]) -> tuple[ExamId, ...]:
        return tuple([exam for exam in self.hospital.exams if exam in exams])

    def _with_what_came_along(self, exams: Iterable[ExamId]) -> list[ExamId]:
        all_exams = self.hospital.world.exams
        batches = {all_exams[exam].batch for exam in exams}
        return [exam for exam, each in all_exams.items() if each.batch in batches]

    def _checks(self, user: UserId, concerned: tuple[ExamId, ...]) -> None:
        if concerned or user not in self._checked:
            self._checked[user] = self._checks_in_model(user, concerned)
        checks, held = self._checked[user]
        can, can_many = self.hospital.sharing.can, self.hospital.sharing.can_many
        self.same(
            f"What may {user} do?",
            checks,
            lambda: {words: can(user, permission, exam) for words, permission, exam in CHECKS},
        )
        self.same(
            f"Which exams may {user} view, and which download?",
            held,
            lambda: tuple([can_many(user, permission, EXAMS) for permission in PERMISSIONS]),
        )

    def _checks_in_model(
        self, user: UserId, concerned: tuple[ExamId, ...]
    ) -> tuple[Mapping[str, bool], tuple[frozenset[ExamId], ...]]:
        """Return what the model says of every check, and of those of one permission at once."""
        world, now, held = self.hospital.world, self.hospital.now, self._held
        for exam in concerned:
            held[user, exam] = tuple(
                [model.holds(world, user, each, exam, now) for each in PERMISSIONS]
            )
        there = {exam: held.get((user, exam), NOTHING_HELD) for exam in EXAMS}
        return (
            {
                words: there[exam][PERMISSIONS.index(permission)]
                for words, permission, exam in CHECKS
            },
            tuple(
                [
                    frozenset([exam for exam in EXAMS if there[exam][place]])
                    for place in range(len(PERMISSIONS))
                ]
            ),
        )

    def _pages(self, user: UserId, *, anew: bool) -> None:
        sharing, world, now = self.hospital.sharing, self.hospital.world, self.hospital.now
        if anew or (user, True) not in self._lists:
            self._lists[user, True] = tuple(model.visible_to(world, user, now))
            self._lists[user, False] = tuple(model.shared_with(world, user, now))
        for own, ask in ((True, sharing.visible_to), (False, sharing.shared_with)):
            self.same(
                f"What is {'visible to' if own else 'shared with'} {user}, newest upload first?",
                self._lists[user, own],
                lambda: answers.listed(every_page(ask, user, self.page)),  # noqa: B023  asked at once
            )

    def _views(self, user: UserId, exam: ExamId) -> None:
        hospital = self.hospital
        sharing, world, now, number = (
            hospital.sharing,
            hospital.world,
            hospital.now,
            hospital.number,
        )
        self.same(
            f"Which tabs has {exam} for {user}?",
            model.tabs(world, user, exam, now),
            lambda: frozenset([tab.value for tab in sharing.tabs(user, exam)]),
        )
        for permission in PERMISSIONS:
            self.same(
                f"Why may {user} {permission.name} {exam}, or why not?",
                answers.explained_in_model(model.explain(world, user, permission, exam, now)),
                lambda: answers.explained(
                    sharing.explain(user, permission, exam),  # noqa: B023  asked at once
                    number,
                ),
            )
        expected = model.access_list(world, user, exam, now)
        self.same(
            f"What is on the access list of {exam} for {user}?",
            answers.refusal_in_model(expected)
            if isinstance(expected, model.Refused)
            else answers.seen_list_in_model(expected),
            lambda: answers.seen_list(sharing.access_list(user, exam), number),
        )

    def _form(self, user: UserId, exam: ExamId) -> None:
        hospital = self.hospital
        self.same(
            f"What does the share form of {exam} show {user}?",
            answers.shown_form_in_model(model.share_form(hospital.world, user, exam, hospital.now)),
            lambda: answers.shown_form(hospital.sharing.share_form(user, exam)),
        )

    def receipt(
        self, came: object, expected: model.Receipt | model.Refused, by: UserId | None
    ) -> None:
        """Compare what an act answered.

        Args:
            came: what the package answered, or raised.
            expected: what the model answered.
            by: who acted; `None` for the host.

        Raises:
            Disagreement: the model answers something else.
        """
        hospital = self.hospital
        question = "What is the answer to that?"

        def told() -> object:
            if isinstance(came, Exception):
                raise came
            if isinstance(came, ShareReceipt):
                return answers.shared(came)
            assert isinstance(came, UnshareReceipt)
            return answers.ended(came, hospital.number)

        match expected:
            case model.Refused():
                self.same(question, answers.refusal_in_model(expected), told)
            case model.Shared():
                self.same(question, answers.shared_in_model(expected), told)
            case model.Ended():
                self.same(question, answers.ended_in_model(expected), told)
                if by is not None:
                    self._still_told(came, expected, by)

    def _still_told(self, came: object, expected: model.Ended, by: UserId) -> None:
        """Compare who is told to have access all the same, where it is certain that they are."""
        hidden, grants = self.hospital.hidden, self.hospital.world.grants
        certain = frozenset(
            user
            for user in expected.still_have_access
            if (by, user) not in hidden
            and any(grants[number].grantor != user for number in expected.told_ended)
        )
        told = (
            frozenset(came.still_have_access) if isinstance(came, UnshareReceipt) else frozenset()
        )
        self.same("Who is told to have access all the same?", certain, lambda: certain & told)

    def preview(self, request: Request, in_model: Request) -> None:
        """Compare what a request would do.

        Who gains and loses is compared where the actor may know everything; elsewhere the model
        would tell them too much.

        Raises:
            Disagreement: the model says something else.
        """
        hospital = self.hospital
        expected = model.preview(hospital.world, in_model, hospital.now)
        told: dict[str, object] = {
            "refused": answers.refusal_in_model(expected.refused)
            if expected.refused
            else answers.refusal((), {})
        }
        whole = expected.refused is None and self._knows_everything(in_model)
        if whole:
            told["gains"] = frozenset(expected.gains)
            told["losses"] = frozenset(expected.losses)

        def ask() -> object:
            came: Preview = hospital.sharing.preview(request)
            shown: dict[str, object] = {"refused": answers.refusal(came.reasons, hospital.numbers)}
            if whole:
                shown["gains"] = answers.users_in(came.gains)
                shown["losses"] = answers.users_in(came.losses)
            return shown

        self.same("What would that do?", told, ask)

    def _knows_everything(self, request: Request) -> bool:
        hospital = self.hospital
        if hospital.hidden or hospital.hidden_members:
            return False
        if isinstance(request, RevokeRequest):
            exam = hospital.world.grants[int(str(request.grant))].exam
        else:
            exam = request.exam
        return hospital.policy.access_list is AccessListScope.EVERYONE and model.has_access(
            hospital.world, request.actor, exam, hospital.now
        )


def every_page(
    ask: Callable[[UserId, str | None, int], Page[VisibleExam]], user: UserId, limit: int
) -> Iterator[Page[VisibleExam]]:
    """Read a list to its end; a list that does not end is cut where it must have repeated."""
    after = None
    for _ in range(len(EXAMS) + 1):
        page = ask(user, after, limit)
        yield page
        after = page.next
        if after is None:
            return
