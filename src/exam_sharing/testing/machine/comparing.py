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
from exam_sharing.testing.machine import answers
from exam_sharing.testing.machine.drawing import pick
from exam_sharing.testing.machine.hospital import EXAMS, GROUPS, STRANGER, USERS, Hospital
from exam_sharing.testing.machine.stored import NO_RECORD, Stored, expected_record, recorded
from exam_sharing.testing.story import Raised, RulesBroken, clock_time, differing
from exam_sharing.testing.worlds import perform

ItemT = TypeVar("ItemT")

PERMISSIONS: Final = tuple(Permission)
CHECKS: Final = tuple((permission, exam) for exam in EXAMS for permission in PERMISSIONS)
"""All checks of one user."""
RECIPIENTS: Final = 3
"""A page of recipients is this many times as long as a page of exams."""
MOST_PAGES: Final = 2 * max(len(EXAMS), len(USERS) + len(GROUPS))
"""More pages than any list in a hospital has."""
PREVIEWED: Final[tuple[Permission | Reshares, ...]] = (*PERMISSIONS, *Reshares)
"""Previewed in turn: shares of each permission, and unsharing with each fate of re-shares."""
ID_REUSED: Final = "the request id was used before"


@attrs.define
class Comparison:
    """Compares the package with the model, in one hospital.

    Attributes:
        hospital: where the steps happen.
        page: the number of exams on a page of a list.
        typed: the text that everybody types to find recipients.
        turn: which strangers and which previews are asked about first.
        steps: the number of steps so far, in all hospitals of this process.
    """

    hospital: Hospital
    page: int = 2
    typed: str = "al"
    turn: int = 0
    _turns: Iterator[int] = attrs.field(init=False)

    steps: ClassVar[int] = 0

    @_turns.default
    def _from_turn(self) -> Iterator[int]:
        return count(self.turn)

    def held(self) -> list[tuple[UserId, ExamId]]:
        """Return who has access to which exam, by the model."""
        hospital = self.hospital
        pairs = [(user, exam) for user in hospital.users for exam in hospital.exams]
        return [pair for pair in pairs if self._holds(*pair, Permission.VIEW)]

    def _holds(self, user: UserId, exam: ExamId, permission: Permission) -> bool:
        return model.holds(self.hospital.world, user, permission, exam)

    def request(self, request: Request) -> bool:
        """Preview and perform a request, then compare everything.

        Returns:
            False if the request id was used before for another request, so that nothing was done.

        Raises:
            RulesBroken: the package and the model disagree.
        """
        hospital, world = self.hospital, self.hospital.world
        in_model = hospital.as_in_model(request)
        hospital.add_line(f"{hospital.words.request(in_model)}.")
        self._preview(request, in_model)
        repeated = (request.actor, request.request_id) in world.receipts
        result = outcome(lambda: perform(hospital.sharing, request))
        try:
            expected = model.perform(world, in_model)
        except model.RequestIdReused:
            refused = partial(_is_reused, result)
            self.same("Is the reused request id refused?", expected=True, ask=refused)
            self.everything()
            return False
        self.everything(None if repeated else request, result, expected)
        return True

    def everything(
        self,
        asked: Asked | None = None,
        result: object = None,
        expected: model.Receipt | model.Refused | None = None,
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
        hospital, stored, turn = self.hospital, self.hospital.stored, next(self._turns)
        given = hospital.recorder.take()
        self.done("Can the store be read?", stored.read)
        record = NO_RECORD
        if expected is not None:
            answer = partial(_receipt, result, stored)
            self.same(
                "What does this act return?",
                answers.receipt_in_model(hospital.world, expected),
                answer,
            )
            if asked is not None:
                record = expected_record(hospital.world, asked, expected)
        for exam in hospital.exams:
            in_store = partial(stored.in_store, exam)
            self.same(f"What is stored for {exam}?", stored.in_model(exam), in_store)
        self.same("What is recorded of this step?", record, partial(recorded, given, stored))
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
            got = answers.refusal(refused.reasons, self.hospital.stored.numbers)
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
        """Let the store do something, and require that it raises no error.

        Raises:
            RulesBroken: an error was raised.
        """

        def ask() -> bool:
            act()
            return True

        self.same(question, expected=True, ask=ask)

    def _checks(self, user: UserId) -> None:
        sharing = self.hospital.sharing
        held = {
            permission: frozenset(exam for exam in EXAMS if self._holds(user, exam, permission))
            for permission in PERMISSIONS
        }
        self.same(
            f"What does `can` answer for {user}?",
            {_check(*check): check[1] in held[check[0]] for check in CHECKS},
            lambda: {_check(*check): sharing.can(user, *check) for check in CHECKS},
        )
        self.same(
            f"What does `can_many` return for {user}?",
            held,
            lambda: {each: sharing.can_many(user, each, EXAMS) for each in PERMISSIONS},
        )

    def _lists(self, user: UserId) -> None:
        sharing, world = self.hospital.sharing, self.hospital.world
        self.same(
            f"What does `visible_to` list for {user}?",
            tuple(model.visible_to(world, user)),
            lambda: answers.exams_listed(
                every_item(partial(sharing.visible_to, user, limit=self.page))
            ),
        )
        self.same(
            f"What does `shared_with` list for {user}?",
            tuple(model.shared_with(world, user)),
            lambda: answers.exams_listed(
                every_item(partial(sharing.shared_with, user, limit=self.page))
            ),
        )

    def _holders(self, exam: ExamId) -> None:
        admin, number = self.hospital.sharing.admin, self.hospital.stored.number
        for permission in PERMISSIONS:
            self.same(
                f"Whom does `who_can` list for {permission.name} on {exam}?",
                answers.holders_in_model(model.who_can(self.hospital.world, permission, exam)),
                lambda: answers.holders(admin.who_can(permission, exam), number),  # noqa: B023  asked at once
            )

    def _views(self, user: UserId, exam: ExamId) -> None:
        hospital, world, sharing = self.hospital, self.hospital.world, self.hospital.sharing
        stored, most = hospital.stored, RECIPIENTS * self.page
        ways = partial(model.shortest_ways, world, user)
        self.same(
            f"What does `tabs` return for {user} on {exam}?",
            model.tabs(world, user, exam),
            lambda: frozenset([tab.value for tab in sharing.tabs(user, exam)]),
        )
        for permission in PERMISSIONS:
            self.same(
                f"How does `explain` explain {permission.name} on {exam} for {user}?",
                answers.explained_in_model(
                    model.explain(world, user, permission, exam),
                    lambda grant: ways(world.grants[grant].recipient),
                ),
                lambda: answers.explained(
                    sharing.admin.explain(user, permission, exam),  # noqa: B023  asked at once
                    stored.number,
                    ways,
                ),
            )
        self.same(
            f"What does `access_list` show {user} of {exam}?",
            answers.access_list_in_model(world, model.access_list(world, user, exam)),
            lambda: answers.access_list(sharing.access_list(user, exam), stored.shown),
        )
        self.same(
            f"What does `share_form` show {user} of {exam}?",
            answers.share_form(model.share_form(world, user, exam)),
            lambda: answers.share_form(sharing.share_form(user, exam)),
        )
        self.same(
            f"Whom does `recipients` list for {user} on {exam}?",
            answers.choices(model.recipients(world, user, exam)),
            lambda: answers.choices(
                every_item(partial(sharing.recipients, user, exam, limit=most))
            ),
        )
        self.same(
            f"Whom does `suggest` offer {user} for {self.typed!r} on {exam}?",
            answers.choices(model.suggestions(world, user, exam, self.typed)[:most]),
            lambda: answers.choices(sharing.suggest(user, exam, self.typed, limit=most)),
        )

    def _previewed(self, turn: int) -> Request:
        """Return a request that somebody might make, each time another one."""
        rest, kind = divmod(turn, len(PREVIEWED))
        hospital = self.hospital
        pairs = [(user, exam) for user in hospital.users for exam in hospital.exams]
        user, exam = pick(turn, pairs or hospital.not_found())
        recipient, asked = pick(rest, self.hospital.principals), PREVIEWED[kind]
        if isinstance(asked, Permission):
            return ShareRequest(actor=user, exam=exam, recipients=(recipient,), permission=asked)
        return UnshareRequest(actor=user, exam=exam, recipient=recipient, reshares=asked)

    def _preview(self, request: Request, in_model: Request) -> None:
        hospital = self.hospital

        def ask() -> object:
            try:
                previewed = hospital.sharing.preview(request)
            except RequestIdReused:
                return ID_REUSED
            return answers.preview(previewed, hospital.stored.numbers)

        try:
            expected: object = answers.preview_in_model(
                hospital.world, model.preview(hospital.world, in_model)
            )
        except model.RequestIdReused:
            expected = ID_REUSED
        sentence = hospital.words.request(in_model)
        self.same(f"What does `preview` return for this: {sentence}?", expected, ask)


def outcome(act: Callable[[], object]) -> object:
    """Return what an act returns or raises."""
    try:
        return act()
    except Exception as error:  # noqa: BLE001  an error is an answer too
        return error


def _receipt(result: object, stored: Stored) -> object:
    if isinstance(result, Exception):
        raise result
    assert isinstance(result, ShareReceipt | UnshareReceipt)
    return answers.receipt(result, stored.shown)


def _is_reused(result: object) -> bool:
    """Return whether a request id was refused as reused; raise any other error."""
    if isinstance(result, Exception) and not isinstance(result, RequestIdReused | Refused):
        raise result
    return isinstance(result, RequestIdReused)


def _check(permission: Permission, exam: ExamId) -> str:
    return f"{permission.name} {exam}"


def every_item(ask: Callable[..., Page[ItemT]]) -> Iterator[ItemT]:
    """Read a list to its end; stop after more pages than any list has."""
    after = None
    for _ in range(MOST_PAGES):
        page = ask(after=after)
        yield from page.items
        after = page.next
        if after is None:
            return
