"""The machine over a store: each step by package and model, then every answer compared."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from itertools import product
from typing import ClassVar, Final, TypeVar

import attrs
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from typing_extensions import override

import exam_sharing as es
from exam_sharing.history import DirectoryChange
from exam_sharing.policy.past import Moment
from exam_sharing.policy.requests import Asked, HostEnding, Request, Withdrawal
from exam_sharing.testing import model
from exam_sharing.testing.cases.schema import Data
from exam_sharing.testing.machine.answers import RECIPIENTS, Answers, notices
from exam_sharing.testing.machine.drawing import booleans, numbers, pick
from exam_sharing.testing.machine.hospital import (
    EXAMS,
    STRANGER,
    Capabilities,
    Hidden,
    StoreHospital,
)
from exam_sharing.testing.machine.recorded import (
    NO_RECORD,
    entry_of,
    expected_record,
    recorded,
)
from exam_sharing.testing.machine.steps import ACTS, HOST, WHY, HospitalMachine, doing
from exam_sharing.testing.opening import OpenStore, opened
from exam_sharing.testing.progress import Search
from exam_sharing.testing.story import Raised, clock_time
from exam_sharing.testing.worlds import perform

AnswerT = TypeVar("AnswerT")

CHECKS: Final = {f"{each.name} {exam}": (each, exam) for exam in EXAMS for each in es.Permission}
MOST_ENTRIES: Final = 100
COMPARED: Final = 10
"""So many entries of a history are compared, without those of users and groups between them."""
ID_REUSED: Final = Raised(es.RequestIdReused.__name__)


class SharingMachine(HospitalMachine):
    """A hospital with a `Sharing` over a store."""

    steps: ClassVar[int] = 0
    """The steps of all stories in this process."""
    hospital: StoreHospital

    def __init__(
        self,
        open_store: OpenStore,
        *,
        capabilities: Capabilities,
        policy: es.Policy | None,
        progress: Search,
    ) -> None:
        super().__init__(progress)
        self._can = capabilities
        self._policy = policy
        # A host that records uploads itself decides itself whether it seals them.
        self.acts: frozenset[str] = ACTS if capabilities.upload is None else ACTS - {"seal"}
        self._ports = self.closing.enter_context(opened(open_store))
        if self._ports.accesses is None:
            self.acts -= {"look"}

    @override
    def _open(
        self, policy: es.Policy, users: tuple[es.UserId, ...], hidden: Hidden
    ) -> StoreHospital:
        # Windows end within a story.
        drawn = attrs.evolve(policy, access_window=timedelta(minutes=5))
        hospital = StoreHospital(self._ports, self._policy or drawn, users=users, hidden=hidden)
        hospital.answers.page = self.page
        return hospital

    @override
    def _perform(self, request: Request) -> bool:
        hospital, world = self.hospital, self.hospital.world
        in_model = hospital.answers.as_in_model(request)
        hospital.add_line(f"{hospital.words.request(in_model)}.")
        self._preview(request, in_model)
        repeated = (request.actor, request.request_id) in world.receipts
        result = outcome(lambda: perform(hospital.sharing, request))
        expected = _unless_reused(lambda: model.acts.perform(world, in_model))
        self._ask_everything(None if repeated else request, result, expected)
        return expected != ID_REUSED

    @override
    def _act_of_host(self, act: HostEnding | Withdrawal) -> None:
        world, admin = self.hospital.world, self.hospital.sharing.admin
        fields = attrs.asdict(act, recurse=False)
        if isinstance(act, HostEnding):
            result = outcome(lambda: admin.end_by_host(**fields))
            done = model.acts.end_by_host(world, act.recipient, act.exam, act.reshares)
            self._ask_everything(act, result, done)
        else:
            asked = None if act.exam in world.withdrawn else act
            result = outcome(lambda: admin.withdraw(**fields))
            self._ask_everything(asked, result, model.acts.withdraw(world, act.exam))

    @override
    def _record(self, batch: es.BatchId, exams: tuple[es.Exam, ...], *, sealed: bool) -> None:
        hospital = self.hospital

        def accepted() -> bool:
            try:
                hospital.upload(batch, exams, sealed=sealed, upload=self._can.upload)
            except (es.AlreadyExists, es.BatchSealed):
                return False
            return True

        expected = hospital.world.add_upload(batch, exams, sealed=sealed)
        self._same("Is this upload accepted?", expected, accepted)
        self._ask_everything()

    @override
    def _deliver(self, unreachable: frozenset[es.UserId]) -> None:
        hospital = self.hospital
        expected = model.sharing.deliver_notices(hospital.world, unreachable)
        self._same(
            "Which notices are sent?",
            notices(expected),
            lambda: notices(hospital.deliver(unreachable)),
        )
        self._ask_everything()

    @override
    def _look(self, act: Data) -> None:
        self._done("Can it be recorded?", lambda: self.hospital.do(act))

    @override
    def _ask_everything(
        self,
        asked: Asked | None = None,
        result: object = None,
        expected: model.world.Receipt | model.world.Refused | Raised | None = None,
    ) -> None:
        """Compare the result of a step, what is stored and recorded, and all answers after it.

        If the step was an act, the package returned or raised `result`. Acts that were not done
        before are `asked` for, and must be recorded.
        """
        SharingMachine.steps += 1
        hospital, answers = self.hospital, self.hospital.answers
        turn, given, record = next(self.turns), hospital.recorder.take(), NO_RECORD
        self._done("Can the store be read?", answers.read)
        if expected is not None:
            self._same("What does this act return?", expected, partial(_receipt, result, answers))
        if asked is not None and not isinstance(expected, Raised | None):
            record = expected_record(hospital.world, asked, expected)
            entry = entry_of(hospital.world, answers.as_in_model(asked), expected)
            hospital.log.append((hospital.now, entry))
        for exam in hospital.exams:
            in_store = partial(answers.in_store, exam)
            self._same(f"What is stored for {exam}?", answers.in_model(exam), in_store)
        self._same("What is recorded of this step?", record, partial(recorded, given, answers))
        for user in (*hospital.users, STRANGER):
            self._checks(user)
            self._ask("visible_to", user)
            self._ask("shared_with", user)
        for exam in hospital.exams:
            for user in hospital.users:
                self._views(user, exam)
        holders = [*hospital.exams, pick(turn, EXAMS)]
        for permission, exam in product(es.Permission, holders):
            self._ask("who_can", permission, exam)
        # Strangers get one answer for everything, and so do all users before an exam arrives.
        self._views(*pick(turn, hospital.not_found()))
        request = self.choices.previewed(turn)
        self._preview(request, request)
        self._ask("graph", *pick(turn, hospital.pairs()))
        self._ask("whole_graph", pick(turn, EXAMS))
        self._accesses(turn)
        hospital.remember()
        if self._ports.history is not None:
            self._past(turn)
            self._history(turn)

    def _same(
        self,
        question: str,
        expected: object,
        ask: Callable[[], object],
        about: tuple[object, ...] = (),
    ) -> None:
        """Ask the package, and raise `RulesBroken` unless it gives the answer of the model."""
        cause: Exception | None = None
        try:
            got = ask()
        except es.Refused as refused:
            got = model.world.Refused(self.hospital.answers.value(refused.reasons))
        except Exception as error:  # noqa: BLE001  an error is an answer too
            cause, got = error, Raised(type(error).__name__)
        if got != expected:
            told = f" {', '.join(map(self.hospital.words.value, about))}?" if about else ""
            raise self._broken(question + told, expected, got) from cause

    def _done(self, question: str, act: Callable[[], object]) -> None:
        """Let the store do something, and require that it raises no error."""

        def ask() -> bool:
            act()
            return True

        self._same(question, expected=True, ask=ask)

    def _checks(self, user: es.UserId) -> None:
        sharing, world = self.hospital.sharing, self.hospital.world
        held = {
            each: frozenset(exam for exam in EXAMS if world.holds(user, each, exam))
            for each in es.Permission
        }
        self._same(
            f"What does `can` answer for {user}?",
            {check: exam in held[permission] for check, (permission, exam) in CHECKS.items()},
            lambda: {check: sharing.can(user, *asked) for check, asked in CHECKS.items()},
        )
        self._same(
            f"What does `can_many` return for {user}?",
            held,
            lambda: {each: sharing.can_many(user, each, EXAMS) for each in es.Permission},
        )

    def _ask(self, question: str, *about: object, then: model.world.World | None = None) -> None:
        """Ask a question of the package, of now or then, and of the model by the same name."""
        world, answers, at = self.hospital.world, self.hospital.answers, dict[str, datetime]()
        if then is not None:
            world, answers, at = then, answers.of(then), {"at": then.now}
        self._same(
            f"What does `{question}` answer{' then' if at else ''} for",
            getattr(model.views, question)(world, *about),
            partial(answers.asked, question, *about, **at),
            (*about, *at.values()),
        )

    def _accesses(self, turn: int) -> None:
        hospital = self.hospital
        if hospital.world.accesses:
            since = hospital.now - timedelta(minutes=turn % 4)
            looked = hospital.world.accesses.values()
            self._same(
                f"Who looked since {clock_time(since)}, for operators?",
                frozenset(each for each in looked if since <= each.last),
                lambda: hospital.answers.asked("all_accesses", exams=EXAMS, since=since),
            )
            exam = pick(turn, hospital.exams)
            for user in (pick(turn, hospital.users), hospital.world.exams[exam].owner):
                self._ask("accesses", user, exam)

    def _past(self, turn: int) -> None:
        """Ask about the moment after an earlier step, or now: by its version, or else by time."""
        hospital = self.hospital
        rest, which = divmod(turn // 2, len(hospital.past))
        then, change = hospital.past[which]
        exams = [exam for exam in then.exams if exam not in hospital.world.hidden]
        if not exams:
            return
        exam, user = pick(rest, exams), pick(rest, hospital.users)
        if turn % 2:
            version = then.versions.get(exam, 0)
            moment = Moment(at=then.now, version=version, change=change)
            self._same(
                "Who could see, at a version,",
                model.views.access_at(then, exam),
                lambda: hospital.answers.of(then).value(hospital.access_at(exam, moment)),
                (exam, version, then.now),
            )
            return
        # A time stands for the last step at that time.
        last = next(world for world, _ in reversed(hospital.past) if world.now == then.now)
        self._ask("access_at", exam, then=last)
        for permission in es.Permission:
            self._ask("explain", user, permission, exam, then=last)

    def _history(self, turn: int) -> None:
        """Ask for the newest acts, refusals, changes of owner and purges about an exam."""
        hospital, exam = self.hospital, pick(turn, self.hospital.exams)
        about = (each for each in reversed(hospital.log) if {exam} <= (each[1][1] or {exam}))

        def told() -> list[tuple[datetime, str]]:
            page = hospital.sharing.admin.history(exam=exam, limit=MOST_ENTRIES)
            found = (each.what for each in page.items)
            return [(e.at, type(e).__name__) for e in found if not isinstance(e, DirectoryChange)]

        self._same(
            "What is in the history of",
            [(at, kind) for at, (kind, _) in about][:COMPARED],
            lambda: told()[:COMPARED],
            (exam,),
        )

    def _views(self, user: es.UserId, exam: es.ExamId) -> None:
        for question in ("tabs", "access_list", "share_form", "recipients"):
            self._ask(question, user, exam)
        self._ask("suggest", user, exam, self.typed, RECIPIENTS * self.page)
        for permission in es.Permission:
            self._ask("explain", user, permission, exam)

    def _preview(self, request: Request, in_model: Request) -> None:
        hospital = self.hospital
        self._same(
            f"What does `preview` return for this: {hospital.words.request(in_model)}?",
            _unless_reused(lambda: model.acts.preview(hospital.world, in_model)),
            lambda: hospital.answers.value(hospital.sharing.preview(request)),
        )

    @precondition(lambda self: self._can.hide is not None)
    @rule(which=numbers, back=booleans)
    def hide(self, *, which: int, back: bool) -> None:
        """Let the host delete an exam, or restore it with its grants."""
        hospital, hide = self.hospital, self._can.hide
        assert hide is not None
        hidden = [exam for exam in hospital.exams if exam in hospital.world.hidden]
        exam = pick(which, (back and hidden) or hospital.exams)
        gone = exam not in hospital.world.hidden
        hospital.add_line(f"The host {'deletes' if gone else 'restores'} {exam}.")
        self._done("Can the host do that?", lambda: hide(self._ports.store, exam, gone))
        hospital.world.hide(exam, hidden=gone)
        self._ask_everything()

    @precondition(lambda self: self._can.transfer is not None)
    @rule(which=numbers, to=numbers)
    def transfer(self, *, which: int, to: int) -> None:
        hospital, transfer = self.hospital, self._can.transfer
        found = [exam for exam in hospital.exams if hospital.world.is_found(exam)]
        if transfer is None or not found:
            return
        exam, owner = pick(which, found), pick(to, hospital.users)
        hospital.add_line(f"{exam} is transferred to {owner}.")
        store, now = self._ports.store, hospital.now
        self._done("Can the exam be transferred?", lambda: transfer(store, exam, owner, now))
        hospital.world.add_exams(attrs.evolve(hospital.world.exams[exam], owner=owner))
        hospital.world.next_version(exam)
        hospital.log.append((now, ("ExamTransferred", frozenset({exam}))))
        self._ask_everything()

    @doing("look")
    @precondition(lambda self: self.hospital.world.accesses)
    @rule(which=numbers)
    def purge(self, *, which: int) -> None:
        """Purge the accesses that were over when some access had begun, or had ended."""
        hospital = self.hospital
        looked = hospital.world.accesses.values()
        before = pick(which, [time for each in looked for time in (each.first, each.last)])
        before += timedelta(microseconds=1)
        hospital.add_line(f"Accesses that were over before {clock_time(before)} are purged.")
        admin, host = hospital.sharing.admin, {"performed_by": HOST, "why": WHY}
        rows = hospital.world.purge(before)
        self._same(
            "How many rows are purged?",
            rows,
            lambda: admin.purge_accesses(before=before, **host),
        )
        if rows:
            hospital.log.append((hospital.now, ("AccessesPurged", frozenset())))
        self._ask_everything()

    @rule(on=booleans)
    def turn_notices(self, *, on: bool) -> None:
        self.hospital.turn_notices(on=on)
        self._ask_everything()

    @precondition(lambda self: self._can.sweep is not None)
    @rule(minutes=st.integers(0, 4))
    def sweep(self, *, minutes: int) -> None:
        """Let some time pass, and let the store record what has expired by then."""
        hospital, sweep = self.hospital, self._can.sweep
        assert sweep is not None
        hospital.wait(hospital.now + timedelta(minutes=minutes))
        hospital.add_line("A sweep records expired grants as ended.")
        self._done("Can the sweep run?", lambda: sweep(self._ports.store, hospital.now))
        self._ask_everything()


def outcome(act: Callable[[], object]) -> object:
    try:
        return act()
    except Exception as error:  # noqa: BLE001  an error is an answer too
        return error


def _receipt(result: object, answers: Answers) -> object:
    if isinstance(result, Exception):
        raise result
    return answers.value(result)


def _unless_reused(act: Callable[[], AnswerT]) -> AnswerT | Raised:
    """Return the answer of the model, or that the request id was used before."""
    try:
        return act()
    except model.world.RequestIdReused:
        return ID_REUSED
