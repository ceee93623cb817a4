"""The machine over a portal in plain data, compared with the model after every step."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Final

import attrs
from typing_extensions import override

import exam_sharing as es
from exam_sharing.documents import with_kind
from exam_sharing.policy.requests import HostEnding, Request, Withdrawal
from exam_sharing.testing.cases.portals import REQUESTS, plain
from exam_sharing.testing.cases.running import tried
from exam_sharing.testing.cases.schema import Data, OpenPortal, Portal
from exam_sharing.testing.machine.drawing import pick
from exam_sharing.testing.machine.hospital import STRANGER, Hidden, Hospital, given_of
from exam_sharing.testing.machine.model_portal import ModelPortal
from exam_sharing.testing.machine.steps import HospitalMachine
from exam_sharing.testing.opening import entered
from exam_sharing.testing.progress import Search
from exam_sharing.testing.story import Raised

UNKNOWN: Final = "no such exam"
"""The id of an exam that never arrives."""

NO_GRANT: Final = {"exam": UNKNOWN, "grantor": STRANGER.value, "recipient": with_kind(STRANGER)}
ACT_OF: Final[Mapping[object, str]] = {kind: name for name, kind in REQUESTS.items()}
PLAIN: Final = es.Policy()

USUAL: Final[Data] = {
    **dict.fromkeys(("attested", "active", "sharing_in_plan", "notices"), True),
    "sealed": False,
    "subject": None,
    "email": None,
    "policy": {},
    "unseen": [],
    "unseen_members": [],
}
"""What a field has in a portal that lacks it; a field that is not here is left out."""


@attrs.frozen(kw_only=True)
class Form:
    """What a portal has: acts, questions, parameters of reasons, choices, and fields it lacks."""

    acts: frozenset[str]
    questions: frozenset[str]
    details: bool
    choices: bool
    without: frozenset[str]

    def of(self, data: Any) -> Any:
        """Return data without the fields that the portal lacks."""
        if self.details and self.choices and not self.without:
            return data
        if isinstance(data, list | tuple):
            return [self.of(each) for each in data]
        if not isinstance(data, dict):
            return data
        if not self.choices and data.get("outcome") == "UNCHANGED":
            data = {**data, "until": None, "limited_by": ""}
        reasons = not self.details and data.keys() & {"refused", "reasons"}
        return {
            name: USUAL[name]
            if name in self.without
            else [{"code": code} for code in sorted({each["code"] for each in value})]
            if reasons and name in reasons
            else self.of(value)
            for name, value in data.items()
            if name not in self.without or name in USUAL
        }


class PortalMachine(HospitalMachine):
    """A hospital whose portal takes and returns plain data."""

    steps: ClassVar[int] = 0
    """The steps of all stories in this process."""

    def __init__(
        self, open_portal: OpenPortal, *, form: Form, policy: Data | None, progress: Search
    ) -> None:
        super().__init__(progress)
        seal = {"seal"} if form.choices and "sealed" not in form.without else set()
        switches = (each for each in self.switches if each not in form.without)
        self.switches: tuple[str, ...] = tuple(switches)
        acts = form.acts if self.switches else form.acts - {"user"}
        self.acts: frozenset[str] = acts | ({"notices"} & form.questions) | seal
        self._form = form
        self._policy = policy
        self._open_portal = open_portal
        self._portal: Portal | None = None

    @override
    def _open(self, policy: es.Policy, users: tuple[es.UserId, ...], hidden: Hidden) -> Hospital:
        if not self._form.choices:
            policy = attrs.evolve(policy, whole_names_only=False)
        given = given_of(
            users, hidden, settings_of(policy) if self._policy is None else self._policy
        )
        self._given: Any = self._form.of(given)
        self._model = ModelPortal(self._given)
        unseen = frozenset() if "unseen" in self._form.without else hidden
        return Hospital(self._model.world, self._do, users=users, hidden=unseen)

    def _do(self, act: Data) -> Any:
        """Do an act, compare and return its outcome; until the portal is open, the act is given."""
        if self._portal is not None:
            return self._same("do", act, "What does this act return?")
        kind, fields = act["act"], {name: each for name, each in act.items() if name != "act"}
        self._given[f"{kind}s"].append(self._form.of(fields))
        return self._model.do(self._form.of(act))

    @override
    def _record(self, batch: es.BatchId, exams: tuple[es.Exam, ...], *, sealed: bool) -> None:
        names = ("id", "owner", "uploaded_at", "subject")
        added = [plain(exam, *names) for exam in exams]
        if added:
            self._do({"act": "upload", "batch": batch.value, "sealed": sealed, "exams": added})
        if self._portal is None:
            opened, error = tried(
                lambda: self.closing.enter_context(entered(self._open_portal(self._given)))
            )
            if error is not None:
                raise self._broken("Can the portal be opened?", "opened", opened) from error
            self._portal = opened
        self._ask_everything()

    @override
    def _perform(self, request: Request) -> bool:
        act = self._form.of(self._act_of(request))
        try:
            request = self._model.request(act)
        except es.InvalidArgument:
            # Without the fields that the form lacks, nothing is asked for.
            return False
        self.hospital.add_line(f"{self.hospital.words.request(request)}.")
        self._ask({"question": "preview", "act": act})
        done = self._do(act)
        self._ask_everything()
        return bool(done != {"error": es.RequestIdReused.__name__})

    def _act_of(self, request: Request) -> Data:
        fields = {**plain(request), "act": ACT_OF[type(request)]}
        if isinstance(request, es.RevokeRequest):
            number = self.hospital.grants.get(request.grant)
            grant = self.hospital.world.grants[number] if number else None
            named = plain(grant, "exam", "grantor", "recipient") if grant else NO_GRANT
            # A later act may end another grant by the same words: it is not the same request.
            fields |= {"grant": named, "request_id": None}
        act: Data = self._form.of({key: each for key, each in fields.items() if each is not None})
        return act

    @override
    def _act_of_host(self, act: HostEnding | Withdrawal) -> None:
        if isinstance(act, HostEnding):
            reshares = {"reshares": plain(act.reshares)} if act.reshares else {}
            self._do({"act": "host_ends", **plain(act, "recipient", "exam"), **reshares})
        else:
            self._do({"act": "withdraw", **plain(act, "exam")})
        self._ask_everything()

    @override
    def _look(self, act: Data) -> None:
        self.hospital.do(act)

    @override
    def _deliver(self, unreachable: frozenset[es.UserId]) -> None:
        self._ask({"question": "notices"})
        self._ask_everything()

    @override
    def _ask_everything(self) -> None:
        PortalMachine.steps += 1
        for question in self._questions(next(self.turns)):
            self._ask(question)

    def _questions(self, turn: int) -> Iterator[Data]:
        """Yield checks of everything, and all questions about two pairs of a user and an exam."""
        hospital = self.hospital
        checks = [{"permission": each.name, "question": "can"} for each in es.Permission]
        if "can" not in self._form.questions:
            checks = [{"question": "tabs"}]
        pairs = hospital.pairs()
        for user, exam in pairs:
            for check in checks:
                yield {"user": user.value, "exam": exam.value, **check}
        viewed = [pick(turn, [*pairs, *hospital.not_found()])]
        viewed += [pick(turn, hospital.held() or pairs)] if pairs else []
        for user, exam in viewed:
            about = {"user": user.value, "exam": exam.value}
            for each in ({"question": "tabs"}, *checks):
                yield {**about, **each}
            held = pick(turn, ("", "_held"))
            for view in ("share_form", "access_list", "accesses", "graph", f"choices{held}"):
                yield {"question": view, **about}
            yield {"question": f"suggestions{held}", **about, "text": self.typed}
            for view in ("visible_to", "shared_with"):
                yield {"question": view, "user": user.value}
        yield {"question": "preview", "act": self._act_of(self.choices.previewed(turn))}

    def _ask(self, question: Data) -> None:
        name = question["question"]
        about = [each for key, each in question.items() if key != "question"]
        if name not in self._form.questions:
            return
        if name == "preview":
            about = [self.hospital.words.request(self._model.request(question["act"]))]
        self._same("ask", question, f"What does `{name}` answer for {', '.join(about)}?")

    def _same(self, verb: str, data: Data, question: str) -> Any:
        """Ask the portal and the model; return the answer, and raise `RulesBroken` if they differ.

        With which refusal a portal conceals an exam is its own choice, but it is the one that an
        exam gets that does not exist.
        """
        asked, call = self._form.of(data), getattr(self._portal, verb)
        expected = self._form.of(getattr(self._model, verb)(asked))
        got, error = tried(lambda: call(asked))
        got = self._form.of(got)
        if not self._form.choices and asked.get("act") in ["host_ends", "withdraw"] and not error:
            return expected
        if got == expected and isinstance(got, bool) == isinstance(expected, bool):
            return expected
        if _codes(expected) == ["EXAM_NOT_FOUND"]:
            exam = (asked["act"] if "question" in asked and "act" in asked else asked)["exam"]
            unknown = self._form.of(tried(lambda: call(_renamed(asked, exam, UNKNOWN)))[0])
            if _codes(unknown) is not None:
                expected = _renamed(unknown, UNKNOWN, exam)
                question += " It is the answer for an exam that does not exist."
            if got == expected:
                return expected
        raise self._broken(question, expected, got) from error

    @override
    def _in_words(self, answer: Any) -> str:
        return super()._in_words(_readable(answer))


def settings_of(policy: es.Policy) -> Data:
    """Return the settings that differ from the usual ones."""
    names = [name for name in attrs.asdict(policy) if getattr(policy, name) != getattr(PLAIN, name)]
    return {name: plain(getattr(policy, name)) for name in names}


def _codes(answer: Any) -> list[object] | None:
    """Return the codes of a refusal, or of an error; nothing for another answer."""
    if not isinstance(answer, dict):
        return None
    if "error" in answer:
        return [answer["error"]]
    reasons = answer.get("refused", answer.get("reasons") or None)
    return None if reasons is None else [each.get("code") for each in reasons]


def _renamed(data: Any, exam: str, new: str) -> Any:
    return json.loads(json.dumps(data, default=str).replace(json.dumps(exam), json.dumps(new)))


def _readable(answer: Any) -> Any:
    """Return an answer as a value that has words: a refusal, an error, or a list of tuples."""
    match answer:
        case {"refused": [*reasons]} if all(isinstance(each, dict) for each in reasons):
            told = [(f"{each.get('code')}", [*each.values()][1:]) for each in reasons]
            shown = [f"{code}{f' ({about})' if about else ''}" for code, about in told]
            return f"refused: {', '.join(shown)}"
        case {"raised": error} | {"error": error}:
            return Raised(f"{error}")
        case dict():
            return {name: _readable(each) for name, each in answer.items()}
        case list():
            return [
                tuple(map(_readable, each.values())) if isinstance(each, dict) else each
                for each in answer
            ]
        case _:
            return answer
