"""The machine over a store: what only stores do, and all that only a `Sharing` answers."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, ClassVar, Final

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from typing_extensions import override

import exam_sharing as es
from exam_sharing.testing.cases.portals import ACTS, QUESTIONS
from exam_sharing.testing.cases.schema import Data, Given, Portal
from exam_sharing.testing.machine.comparing import Form, settings_of
from exam_sharing.testing.machine.drawing import booleans, numbers, pick
from exam_sharing.testing.machine.hospital import EXAMS, STRANGER
from exam_sharing.testing.machine.model_portal import ModelPortal
from exam_sharing.testing.machine.steps import PortalMachine
from exam_sharing.testing.machine.store import Capabilities, StoreModel, StorePortal, in_words
from exam_sharing.testing.opening import OpenStore, opened
from exam_sharing.testing.progress import Search

IN_WORDS: Final = {
    "can_each": "What does `can` answer for {user}?",
    "can_many": "What does `can_many` return for {user}?",
    "visible_to": "What does `visible_to` list for {user}?",
    "shared_with": "What does `shared_with` list for {user}?",
    "who_can": "Whom does `who_can` list for {permission} on {exam}?",
    "explain": "How does `explain` explain {permission} on {exam} for {user}?",
    "tabs": "What does `tabs` return for {user} on {exam}?",
    "access_list": "What does `access_list` show {user} of {exam}?",
    "share_form": "What does `share_form` show {user} of {exam}?",
    "choices_held": "Whom does `recipients` list for {user} on {exam}?",
    "suggestions_held": "Whom does `suggest` offer {user} for {text!r} on {exam}?",
    "preview": "What does `preview` return for this: {request}?",
    "notices": "Which notices are sent?",
    "stored": "What is stored for {exam}?",
    "recorded": "What is recorded of this step?",
}


class SharingMachine(PortalMachine):
    """A hospital with a `Sharing` over a store."""

    model_of: ClassVar[type[ModelPortal]] = StoreModel

    def __init__(
        self,
        open_store: OpenStore,
        *,
        capabilities: Capabilities,
        policy: es.Policy | None,
        progress: Search,
    ) -> None:
        form = Form(acts=ACTS, questions=QUESTIONS | IN_WORDS.keys())
        given = None if policy is None else settings_of(policy)
        super().__init__(self._opened, form=form, policy=given, progress=progress)
        # A host that records uploads itself decides itself whether it seals them.
        seals = set() if capabilities.upload is None else {"seal"}
        self.acts: frozenset[str] = self.acts - seals | {"conceal", "fail", "upload nothing"}
        self._can = capabilities
        self._ports = self.closing.enter_context(opened(open_store))

    def _opened(self, given: Given) -> Portal:
        return StorePortal(given, self._ports, self._can, self._page)

    @override
    def open(
        self,
        policy: es.Policy,
        users: tuple[es.UserId, ...],
        hidden: frozenset[tuple[es.UserId, es.PrincipalId]],
        draw: Callable[[st.SearchStrategy[Any]], Any],
    ) -> None:
        self._page = draw(st.sampled_from((6, 2, 1)))
        super().open(policy, users, hidden, draw)

    @override
    def named(self, request: es.RevokeRequest) -> Data:
        number = self.hospital.grants.get(request.grant)
        if number is None:
            return {"grant": {"exam": EXAMS[0].value, "kept": ""}}
        grants = self.hospital.world.grants
        exam = grants[number].exam.value
        return {"grant": {"exam": exam, "kept": in_words(grants[number], grants)}}

    @override
    def in_words(self, question: Data) -> str:
        about = dict(question)
        if "act" in question:
            about["request"] = self.hospital.words.request(self._model.request(question["act"]))
        return IN_WORDS[question["question"]].format(**about)

    @override
    def questions(self, turn: int) -> Iterator[Data]:
        """Yield checks and lists of everything, and all questions about a third of all pairs."""
        hospital = self.hospital
        for exam in hospital.exams:
            yield {"question": "stored", "exam": exam.value}
        yield {"question": "recorded"}
        for user in (*hospital.users, STRANGER):
            for each in ("can_each", "can_many"):
                yield {"question": each, "user": user.value}
            yield from self.lists(user)
        pairs = [(user, exam) for exam in hospital.exams for user in hospital.users]
        for user, exam in pairs[turn % 3 :: 3]:
            yield from self.views(user, exam, "_held")
        # Strangers get one answer for everything, and so do all users before an exam arrives.
        yield from self.views(*pick(turn, hospital.not_found()), "_held")
        for permission in es.Permission:
            about = {"permission": permission.name, "exam": pick(turn, EXAMS).value}
            yield {"question": "who_can", **about}
        yield {"question": "preview", "act": self.act_of(self.choices.previewed(turn))}

    @override
    def views(self, user: es.UserId, exam: es.ExamId, held: str) -> Iterator[Data]:
        for permission in es.Permission:
            about = {"user": user.value, "exam": exam.value, "permission": permission.name}
            yield {"question": "explain", **about}
        yield from super().views(user, exam, held)

    def _of_store(self, act: Data, question: str, line: str) -> None:
        self.hospital.add_line(line)
        self.do(act, question)
        self.ask_everything()

    @precondition(lambda self: self._can.hide is not None)
    @rule(which=numbers, back=booleans)
    def hide(self, *, which: int, back: bool) -> None:
        """Let the host delete an exam, or restore it with its grants."""
        hospital = self.hospital
        hidden = [exam for exam in hospital.exams if exam in hospital.world.hidden]
        exam = pick(which, (back and hidden) or hospital.exams)
        gone = exam not in hospital.world.hidden
        act = {"act": "hide", "exam": exam.value, "hidden": gone}
        line = f"The host {'deletes' if gone else 'restores'} {exam}."
        self._of_store(act, "Can the host do that?", line)

    @precondition(lambda self: self._can.transfer is not None)
    @rule(which=numbers, to=numbers)
    def transfer(self, *, which: int, to: int) -> None:
        hospital = self.hospital
        found = [exam for exam in hospital.exams if hospital.world.is_found(exam)]
        if found:
            exam, owner = pick(which, found), pick(to, hospital.users)
            act = {"act": "transfer", "exam": exam.value, "owner": owner.value}
            line = f"{exam} is transferred to {owner}."
            self._of_store(act, "Can the exam be transferred?", line)

    @rule(on=booleans)
    def turn_notices(self, *, on: bool) -> None:
        line = f"The deployment turns notices of shares {'on' if on else 'off'}."
        self._of_store({"act": "turn_notices", "on": on}, "Can that be done?", line)

    @precondition(lambda self: self._can.sweep is not None)
    @rule(minutes=st.integers(0, 4))
    def sweep(self, *, minutes: int) -> None:
        """Let some time pass, and let the store record what has expired by then."""
        self.hospital.wait(self.hospital.now + timedelta(minutes=minutes))
        line = "A sweep records expired grants as ended."
        self._of_store({"act": "sweep"}, "Can the sweep run?", line)
