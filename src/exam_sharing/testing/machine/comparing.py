"""Doing each step by the package and by the model, and comparing every answer afterwards."""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from typing import ClassVar, Final, TypeVar

import attrs

from exam_sharing.errors import RequestIdReused
from exam_sharing.grants import Permission
from exam_sharing.identifiers import ExamId, UserId
from exam_sharing.policy.decisions import Refused
from exam_sharing.policy.plans import ShareReceipt, UnshareReceipt
from exam_sharing.policy.requests import Asked, Request, Reshares, ShareRequest, UnshareRequest
from exam_sharing.policy.views import Page
from exam_sharing.testing import model
from exam_sharing.testing.machine.answers import Answers, choices, share_form
from exam_sharing.testing.machine.drawing import pick
from exam_sharing.testing.machine.hospital import EXAMS, GROUPS, STRANGER, USERS, Hospital
from exam_sharing.testing.machine.stored import NO_RECORD, expected_record, recorded
from exam_sharing.testing.story import Raised, RulesBroken, clock_time, differing
from exam_sharing.testing.worlds import perform

ItemT = TypeVar("ItemT")
AnswerT = TypeVar("AnswerT")

CHECKS: Final = {f"{each.name} {exam}": (each, exam) for exam in EXAMS for each in Permission}
"""All checks of one user."""
RECIPIENTS: Final = 3
"""A page of recipients is this many times as long as a page of exams."""
MOST_PAGES: Final = 2 * max(len(EXAMS), len(USERS) + len(GROUPS))
"""More pages than any list in a hospital has."""
PREVIEWED: Final[tuple[Permission | Reshares, ...]] = (*Permission, *Reshares)
"""Previewed in turn: shares of each permission, and unsharing with each fate of re-shares."""
ID_REUSED: Final = Raised(RequestIdReused.__name__)


@attrs.define
class Comparison:
    """Compares the package with the model, in one hospital.

    Attributes:
        hospital: where the steps happen.
        page: the number of exams on a page of a list.
        typed: the text that everybody types to find recipients.
        turns: which strangers and which previews are asked about next.
        steps: the number of steps so far, in all hospitals of this process.
    """

    hospital: Hospital
    page: int = 2
    typed: str = "al"
    turns: Iterator[int] = attrs.field(factory=count)

    steps: ClassVar[int] = 0

    def request(self, request: Request) -> bool:
        """Preview and perform a request, then compare everything.

        Returns:
            False if the request id was used before for another request, so that nothing was done.
        """
        hospital, world = self.hospital, self.hospital.world
        in_model = hospital.answers.as_in_model(request)
        hospital.add_line(f"{hospital.words.request(in_model)}.")
        self._preview(request, in_model)
        repeated = (request.actor, request.request_id) in world.receipts
        result = outcome(lambda: perform(hospital.sharing, request))
        expected = _unless_reused(lambda: model.perform(world, in_model))
        self.everything(None if repeated else request, result, expected)
        return expected != ID_REUSED

    def everything(
        self,
        asked: Asked | None = None,
        result: object = None,
        expected: model.Receipt | model.Refused | Raised | None = None,
    ) -> None:
        """Compare the result of a step, what is stored and recorded, and all answers after it.

        Args:
            asked: the act that must be recorded, if there was one.
            result: what the package returned or raised, if the step was an act.
            expected: what the model returned then.

        Raises:
            RulesBroken: the package and the model disagree.
        """
        Comparison.steps += 1
        hospital, answers, stored = self.hospital, self.hospital.answers, self.hospital.stored
        turn, given, record = next(self.turns), hospital.recorder.take(), NO_RECORD
        self.done("Can the store be read?", stored.read)
        if expected is not None:
            self.same("What does this act return?", expected, partial(_receipt, result, answers))
        if asked is not None and not isinstance(expected, Raised | None):
            record = expected_record(hospital.world, asked, expected)
        for exam in hospital.exams:
            in_store = partial(stored.in_store, exam)
            self.same(f"What is stored for {exam}?", stored.in_model(exam), in_store)
        self.same("What is recorded of this step?", record, partial(recorded, given, answers))
        for user in (*hospital.users, STRANGER):
            self._checks(user)
            self._lists(user)
        for exam in hospital.exams:
            for user in hospital.users:
                self._views(user, exam)
            self._holders(exam)
        # Strangers get one answer for everything, and so do all users before an exam arrives.
        self._views(*pick(turn, hospital.not_found()))
        self._holders(pick(turn, EXAMS))
        request = self._previewed(turn)
        self._preview(request, request)

    def same(self, question: str, expected: object, ask: Callable[[], object]) -> None:
        """Ask the package, and require the answer of the model.

        Raises:
            RulesBroken: the package gave another answer, or raised an error.
        """
        cause: Exception | None = None
        try:
            got = ask()
        except Refused as refused:
            got = self.hospital.answers.refusal(refused.reasons)
        except Exception as error:  # noqa: BLE001  an error is an answer too
            cause, got = error, Raised(type(error).__name__)
        if got == expected:
            return
        words, parts = self.hospital.words, differing(expected, got)
        raise RulesBroken(
            tuple(self.hospital.story),
            f"{clock_time(self.hospital.now)}  {question}",
            *map(words.value, parts),
        ) from cause

    def done(self, question: str, act: Callable[[], object]) -> None:
        """Let the store do something, and require that it raises no error."""

        def ask() -> bool:
            act()
            return True

        self.same(question, expected=True, ask=ask)

    def _checks(self, user: UserId) -> None:
        sharing, world = self.hospital.sharing, self.hospital.world
        held = {
            each: frozenset(exam for exam in EXAMS if model.holds(world, user, each, exam))
            for each in Permission
        }
        self.same(
            f"What does `can` answer for {user}?",
            {check: exam in held[permission] for check, (permission, exam) in CHECKS.items()},
            lambda: {check: sharing.can(user, *asked) for check, asked in CHECKS.items()},
        )
        self.same(
            f"What does `can_many` return for {user}?",
            held,
            lambda: {each: sharing.can_many(user, each, EXAMS) for each in Permission},
        )

    def _lists(self, user: UserId) -> None:
        sharing, world = self.hospital.sharing, self.hospital.world
        lists = {"visible_to": model.visible_to, "shared_with": model.shared_with}
        for name, in_model in lists.items():
            pages = partial(getattr(sharing, name), user, limit=self.page)
            self.same(
                f"What does `{name}` list for {user}?",
                in_model(world, user),
                lambda: [(each.exam, each.permission) for each in every_item(pages)],  # noqa: B023  asked at once
            )

    def _holders(self, exam: ExamId) -> None:
        admin, answers = self.hospital.sharing.admin, self.hospital.answers
        for permission in Permission:
            self.same(
                f"Whom does `who_can` list for {permission.name} on {exam}?",
                model.who_can(self.hospital.world, permission, exam),
                lambda: answers.holders(admin.who_can(permission, exam)),  # noqa: B023  asked at once
            )

    def _views(self, user: UserId, exam: ExamId) -> None:
        hospital, world, sharing = self.hospital, self.hospital.world, self.hospital.sharing
        answers, most = hospital.answers, RECIPIENTS * self.page
        self.same(
            f"What does `tabs` return for {user} on {exam}?",
            model.tabs(world, user, exam),
            lambda: frozenset([tab.value for tab in sharing.tabs(user, exam)]),
        )
        for permission in Permission:
            self.same(
                f"How does `explain` explain {permission.name} on {exam} for {user}?",
                model.explain(world, user, permission, exam),
                lambda: answers.explained(user, sharing.admin.explain(user, permission, exam)),  # noqa: B023  asked at once
            )
        self.same(
            f"What does `access_list` show {user} of {exam}?",
            model.access_list(world, user, exam),
            lambda: answers.access_list(sharing.access_list(user, exam)),
        )
        self.same(
            f"What does `share_form` show {user} of {exam}?",
            model.share_form(world, user, exam),
            lambda: share_form(sharing.share_form(user, exam)),
        )
        self.same(
            f"Whom does `recipients` list for {user} on {exam}?",
            model.recipients(world, user, exam),
            lambda: choices(every_item(partial(sharing.recipients, user, exam, limit=most))),
        )
        self.same(
            f"Whom does `suggest` offer {user} for {self.typed!r} on {exam}?",
            model.suggestions(world, user, exam, self.typed)[:most],
            lambda: choices(sharing.suggest(user, exam, self.typed, limit=most)),
        )

    def _previewed(self, turn: int) -> Request:
        """Return a request that somebody might make, each time another one."""
        rest, kind = divmod(turn, len(PREVIEWED))
        hospital = self.hospital
        pairs = [(user, exam) for user in hospital.users for exam in hospital.exams]
        user, exam = pick(turn, pairs or hospital.not_found())
        recipient, asked = pick(rest, hospital.principals), PREVIEWED[kind]
        if isinstance(asked, Permission):
            return ShareRequest(actor=user, exam=exam, recipients=(recipient,), permission=asked)
        return UnshareRequest(actor=user, exam=exam, recipient=recipient, reshares=asked)

    def _preview(self, request: Request, in_model: Request) -> None:
        hospital = self.hospital
        self.same(
            f"What does `preview` return for this: {hospital.words.request(in_model)}?",
            _unless_reused(lambda: model.preview(hospital.world, in_model)),
            lambda: hospital.answers.preview(hospital.sharing.preview(request)),
        )


def outcome(act: Callable[[], object]) -> object:
    """Return what an act returns or raises."""
    try:
        return act()
    except Exception as error:  # noqa: BLE001  an error is an answer too
        return error


def _receipt(result: object, answers: Answers) -> model.Receipt:
    if isinstance(result, Exception):
        raise result
    assert isinstance(result, ShareReceipt | UnshareReceipt)
    return answers.receipt(result)


def _unless_reused(act: Callable[[], AnswerT]) -> AnswerT | Raised:
    """Return the answer of the model, or that the request id was used before."""
    try:
        return act()
    except model.RequestIdReused:
        return ID_REUSED


def every_item(ask: Callable[..., Page[ItemT]]) -> Iterator[ItemT]:
    """Read a list to its end; stop after more pages than any list has."""
    after = None
    for _ in range(MOST_PAGES):
        page = ask(after=after)
        yield from page.items
        after = page.next
        if after is None:
            return
