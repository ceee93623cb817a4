"""Doing each step by the package and by the model, and comparing every answer afterwards.

What must be recorded of a step is compared too, on its way to the store. That a store keeps it is
a matter of laws.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from typing import ClassVar, Final, TypeAlias, TypeVar, assert_never

import attrs

import exam_sharing as es
from exam_sharing.events import ActRefused, Event, ExamShared, ExamTransferred, GrantsEnded
from exam_sharing.policy.plans import Share
from exam_sharing.policy.requests import Asked, Request, Withdrawal, without_message
from exam_sharing.ports import Changes
from exam_sharing.testing import model
from exam_sharing.testing.machine.answers import Answers, choices, share_form
from exam_sharing.testing.machine.drawing import Choices, pick
from exam_sharing.testing.machine.hospital import EXAMS, GROUPS, STRANGER, USERS, StoreHospital
from exam_sharing.testing.story import Raised, RulesBroken, clock_time, differing
from exam_sharing.testing.worlds import perform

ItemT = TypeVar("ItemT")
AnswerT = TypeVar("AnswerT")

CHECKS: Final = {f"{each.name} {exam}": (each, exam) for exam in EXAMS for each in es.Permission}
RECIPIENTS: Final = 3
"""A page of recipients is this many times as long as a page of exams."""
MOST_PAGES: Final = 2 * max(len(EXAMS), len(USERS) + len(GROUPS))
"""More pages than any list in a hospital has."""
Record: TypeAlias = Mapping[str, object]
NO_RECORD: Record = {"records": "0"}
ID_REUSED: Final = Raised(es.RequestIdReused.__name__)


@attrs.define
class Comparison:
    """Compares the package with the model, in one hospital, on lists with `page` exams a page.

    Everybody types `typed` to find recipients, and `turns` say which strangers and previews are
    asked about next. `steps` counts the steps in all hospitals of this process.
    """

    hospital: StoreHospital
    page: int
    typed: str
    turns: Iterator[int]

    steps: ClassVar[int] = 0

    def request(self, request: Request) -> bool:
        """Preview and perform a request, compare everything, and return whether its id was new."""
        hospital, world = self.hospital, self.hospital.world
        in_model = hospital.answers.as_in_model(request)
        hospital.add_line(f"{hospital.words.request(in_model)}.")
        self._preview(request, in_model)
        repeated = (request.actor, request.request_id) in world.receipts
        result = outcome(lambda: perform(hospital.sharing, request))
        expected = _unless_reused(lambda: model.acts.perform(world, in_model))
        self.everything(None if repeated else request, result, expected)
        return expected != ID_REUSED

    def everything(
        self,
        asked: Asked | None = None,
        result: object = None,
        expected: model.world.Receipt | model.world.Refused | Raised | None = None,
    ) -> None:
        """Compare the result of a step, what is stored and recorded, and all answers after it.

        If the step was an act, the package returned or raised `result`. Acts that were not done
        before are `asked` for, and must be recorded.
        """
        Comparison.steps += 1
        hospital, answers = self.hospital, self.hospital.answers
        turn, given, record = next(self.turns), hospital.recorder.take(), NO_RECORD
        self.done("Can the store be read?", answers.read)
        if expected is not None:
            self.same("What does this act return?", expected, partial(_receipt, result, answers))
        if asked is not None and not isinstance(expected, Raised | None):
            record = expected_record(hospital.world, asked, expected)
        for exam in hospital.exams:
            in_store = partial(answers.in_store, exam)
            self.same(f"What is stored for {exam}?", answers.in_model(exam), in_store)
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
        request = Choices(hospital).previewed(turn)
        self._preview(request, request)

    def same(self, question: str, expected: object, ask: Callable[[], object]) -> None:
        """Ask the package, and raise `RulesBroken` unless it gives the answer of the model."""
        cause: Exception | None = None
        try:
            got = ask()
        except es.Refused as refused:
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

    def _checks(self, user: es.UserId) -> None:
        sharing, world = self.hospital.sharing, self.hospital.world
        held = {
            each: frozenset(exam for exam in EXAMS if world.holds(user, each, exam))
            for each in es.Permission
        }
        self.same(
            f"What does `can` answer for {user}?",
            {check: exam in held[permission] for check, (permission, exam) in CHECKS.items()},
            lambda: {check: sharing.can(user, *asked) for check, asked in CHECKS.items()},
        )
        self.same(
            f"What does `can_many` return for {user}?",
            held,
            lambda: {each: sharing.can_many(user, each, EXAMS) for each in es.Permission},
        )

    def _lists(self, user: es.UserId) -> None:
        sharing, world = self.hospital.sharing, self.hospital.world
        lists = {"visible_to": model.views.visible_to, "shared_with": model.views.shared_with}
        for name, in_model in lists.items():
            pages = partial(getattr(sharing, name), user, limit=self.page)
            self.same(
                f"What does `{name}` list for {user}?",
                in_model(world, user),
                lambda: [(each.exam, each.permission) for each in every_item(pages)],  # noqa: B023  asked at once
            )

    def _holders(self, exam: es.ExamId) -> None:
        admin, answers = self.hospital.sharing.admin, self.hospital.answers
        for permission in es.Permission:
            self.same(
                f"Whom does `who_can` list for {permission.name} on {exam}?",
                model.views.who_can(self.hospital.world, permission, exam),
                lambda: answers.holders(admin.who_can(permission, exam)),  # noqa: B023  asked at once
            )

    def _views(self, user: es.UserId, exam: es.ExamId) -> None:
        hospital, world, sharing = self.hospital, self.hospital.world, self.hospital.sharing
        answers, most = hospital.answers, RECIPIENTS * self.page
        self.same(
            f"What does `tabs` return for {user} on {exam}?",
            model.views.tabs(world, user, exam),
            lambda: frozenset([tab.value for tab in sharing.tabs(user, exam)]),
        )
        for permission in es.Permission:
            self.same(
                f"How does `explain` explain {permission.name} on {exam} for {user}?",
                model.views.explain(world, user, permission, exam),
                lambda: answers.explained(user, sharing.admin.explain(user, permission, exam)),  # noqa: B023  asked at once
            )
        self.same(
            f"What does `access_list` show {user} of {exam}?",
            model.views.access_list(world, user, exam),
            lambda: answers.access_list(sharing.access_list(user, exam)),
        )
        self.same(
            f"What does `share_form` show {user} of {exam}?",
            model.views.share_form(world, user, exam),
            lambda: share_form(sharing.share_form(user, exam)),
        )
        self.same(
            f"Whom does `recipients` list for {user} on {exam}?",
            model.views.recipients(world, user, exam),
            lambda: choices(every_item(partial(sharing.recipients, user, exam, limit=most))),
        )
        self.same(
            f"Whom does `suggest` offer {user} for {self.typed!r} on {exam}?",
            model.views.suggestions(world, user, exam, self.typed)[:most],
            lambda: choices(sharing.suggest(user, exam, self.typed, limit=most)),
        )

    def _preview(self, request: Request, in_model: Request) -> None:
        hospital = self.hospital
        self.same(
            f"What does `preview` return for this: {hospital.words.request(in_model)}?",
            _unless_reused(lambda: model.acts.preview(hospital.world, in_model)),
            lambda: hospital.answers.preview(hospital.sharing.preview(request)),
        )


def outcome(act: Callable[[], object]) -> object:
    """Return what an act returns or raises."""
    try:
        return act()
    except Exception as error:  # noqa: BLE001  an error is an answer too
        return error


def _receipt(result: object, answers: Answers) -> model.world.Receipt:
    if isinstance(result, Exception):
        raise result
    assert isinstance(result, es.ShareReceipt | es.UnshareReceipt)
    return answers.receipt(result)


def _unless_reused(act: Callable[[], AnswerT]) -> AnswerT | Raised:
    """Return the answer of the model, or that the request id was used before."""
    try:
        return act()
    except model.world.RequestIdReused:
        return ID_REUSED


def every_item(ask: Callable[..., es.Page[ItemT]]) -> Iterator[ItemT]:
    """Read a list to its end; stop after more pages than any list has."""
    after = None
    for _ in range(MOST_PAGES):
        page = ask(after=after)
        yield from page.items
        after = page.next
        if after is None:
            return


def recorded(given: tuple[Changes | Event, ...], answers: Answers) -> Record:
    """Return what was recorded of a step; every act has one record, also a refused one."""
    counted = {"records": f"{len(given)}"}
    return counted | _record(given[0], answers) if len(given) == 1 else counted


def _record(given: Changes | Event, answers: Answers) -> dict[str, object]:
    event = given.event if isinstance(given, Changes) else given
    written = _written(given, answers) if isinstance(given, Changes) else {}
    match event:
        case ActRefused():
            refused = answers.refusal(event.reasons)
            return {**_asked(event.request), "at": event.at, "refused": refused, **written}
        case ExamShared() | GrantsEnded():
            versions = dict(event.versions)
            return {**_asked(event.request), "at": event.at, "versions": versions, **written}
        case ExamTransferred():
            return {"act": "ExamTransferred", **written}
        case other:
            assert_never(other)


def _written(changes: Changes, answers: Answers) -> Record:
    made, ended, share = changes.made, changes.ended, changes.share
    event = changes.event
    told = getattr(event, "made", ()), getattr(event, "ended", ()), getattr(event, "share", None)
    return {
        "made": frozenset(map(answers.number, made)),
        "made at": frozenset(grant.made_at for grant in made),
        "ended": frozenset(answers.number(past.grant) for past in ended),
        "ended at": frozenset(past.ending.at for past in ended),
        "withdrawn": changes.withdrawn or "nothing",
        "the event agrees": told == (made, ended, share),
        **({} if share is None else _share(share, made)),
    }


def _share(share: Share, made: Collection[es.Grant]) -> Record:
    attested = share.attestation
    return {
        **_fields("share", share, leave_out={"id", "attestation"}),
        "share: exams": frozenset(share.exams),
        "attested": (attested.by, attested.at, attested.wording),
        "grants have the id of the share": all(grant.share == share.id for grant in made),
    }


def expected_record(
    world: model.world.World, asked: Asked, receipt: model.world.Receipt | model.world.Refused
) -> Record:
    """Return what must be recorded of an act, by the model."""
    record = {"records": "1", **_asked(without_message(asked)), "at": world.now}
    if isinstance(receipt, model.world.Refused):
        return {**record, "refused": receipt}
    made, ended = receipt.made, frozenset(getattr(receipt, "all_ended", ()))
    withdrawn = asked.exam if isinstance(asked, Withdrawal) else None
    changed = {world.grants[number].exam for number in made | ended}
    changed |= {withdrawn} if withdrawn else set()
    return {
        **record,
        "made": made,
        "made at": frozenset({world.now} if made else ()),
        "ended": ended,
        "ended at": frozenset({world.now} if ended else ()),
        "withdrawn": withdrawn or "nothing",
        "versions": {exam: world.versions[exam] for exam in changed},
        "the event agrees": True,
        **(_share_in_model(world, asked, receipt) if isinstance(asked, es.ShareRequest) else {}),
    }


def _share_in_model(
    world: model.world.World, asked: es.ShareRequest, receipt: model.world.Receipt
) -> Record:
    assert isinstance(receipt, model.world.Shared)
    not_kept = {"attested", "wording", "message", "expect", "request_id"}
    return {
        **_fields("share", asked, leave_out=not_kept),
        "share: at": world.now,
        "share: exams": frozenset(exam for exam, _ in receipt.outcomes),
        "attested": (asked.actor, world.now, world.policy.attestation_wording),
        "grants have the id of the share": True,
    }


def _asked(request: Asked) -> Record:
    return {"act": type(request).__name__, **_fields("request", request)}


def _fields(of: str, value: attrs.AttrsInstance, *, leave_out: Collection[str] = ()) -> Record:
    """Return the fields of a value that are not `None`, by their names."""
    fields = attrs.asdict(value, recurse=False)
    return {
        f"{of}: {name.replace('_', ' ')}": each
        for name, each in fields.items()
        if name not in leave_out and each is not None
    }
