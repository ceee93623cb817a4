"""The people of decision cases: what they do, what becomes of it, and what they are shown.

`anna.share(ben)` is an act, `anna.share(ben).granted()` is that act with its outcome, and
`ben.can_view()` is a question with its answer, all as plain data. An exam that is not named is the
CT; a permission that is not named is to view, and a time that is not named is for good.
"""

from collections.abc import Iterable, Mapping
from functools import partialmethod
from itertools import pairwise
from typing import Any, ClassVar, Final, Self, TypeAlias

from exam_sharing.policy.settings import Policy
from exam_sharing.testing.cases.portals import in_order
from exam_sharing.testing.cases.schema import Answered, Data
from exam_sharing.testing.worlds import GROUPS, USERS

NOW: Final = "2030-01-01T12:00:00Z"
PAST: Final = "2030-01-01T11:59:59Z"
HOUR: Final = "2030-01-01T13:00:00Z"
DAY: Final = "2030-01-02T12:00:00Z"
WEEK: Final = "2030-01-08T12:00:00Z"

Done: TypeAlias = tuple[Data, Data]
"""An act with its outcome."""


class Act(dict[str, Any]):
    """An act; each method adds the outcome of it, or its preview."""

    def done(self) -> Done:
        return self, {}

    def shared(self, *outcomes: Data) -> Done:
        return self, {"shared": in_order(outcomes)}

    def granted(self, *exams: str, **fields: Any) -> Done:
        """Every recipient is granted these exams, by default the one that the act names."""
        asked = exams or (self["exam"],)
        return self.shared(*(to.granted(e, **fields) for e in asked for to in self["recipients"]))

    def ended(self, *grants: Data, **others: Iterable[Any]) -> Done:
        """A receipt has these grants as ended, by default the one that the act names."""
        lists = {"ended": grants or self._own(), "replaced_by": (), "left_standing": ()}
        kept = sorted(others.pop("still_have_access", ()))
        listed = {name: in_order(found) for name, found in {**lists, **others}.items()}
        return self, {**listed, "still_have_access": kept}

    def cut_to_view(self, *grants: Data, **others: Any) -> Done:
        """A receipt has these grants of download as ended, each replaced by one to view."""
        cut = grants or self._own()
        ended = [{**grant, "permission": "DOWNLOAD"} for grant in cut]
        return self.ended(*ended, replaced_by=cut, **others)

    def _own(self) -> tuple[Data, ...]:
        """The grant to view for good by the actor, or the named one; none for acts of the host."""
        if "actor" not in self:
            return ()
        by_actor = {"exam": self.get("exam"), "grantor": self["actor"]}
        named = self.get("grant") or {**by_actor, "recipient": self["recipient"]}
        return ({**named, "permission": "VIEW", "until": None},)

    def refused(self, *reasons: Data | str, **parameters: Any) -> Done:
        return self, {"refused": in_order(_reason(each, **parameters) for each in reasons)}

    def not_found(self) -> Done:
        return self.refused("EXAM_NOT_FOUND", exams=[self["exam"]])

    def has_reshares(self, *grants: Data) -> Done:
        """The act is refused since these re-shares rest on what it would end."""
        return self.refused("HAS_RESHARES", grants=list(grants))

    no_such_grant: Final = partialmethod(refused, "NO_SUCH_GRANT")
    not_grantor_or_owner: Final = partialmethod(refused, "NOT_GRANTOR_OR_OWNER")

    def _refused_for(self, code: str, *principals: str) -> Done:
        return self.refused(code, principals=sorted(principals))

    recipients_not_found: Final = partialmethod(_refused_for, "RECIPIENT_NOT_FOUND")
    removed_by_owner: Final = partialmethod(_refused_for, "REMOVED_BY_OWNER")

    def download_not_held(self, *exams: str) -> Done:
        return self.refused("DOWNLOAD_NOT_HELD", exams=list(exams))

    def error(self, name: str) -> Done:
        return self, {"error": name}

    invalid: Final = partialmethod(error, "InvalidValue")
    reused: Final = partialmethod(error, "RequestIdReused")

    def cascading(self) -> Self:
        return type(self)({**self, "reshares": "CASCADE"})

    def restricting(self) -> Self:
        return type(self)({**self, "reshares": "RESTRICT"})

    def cascades(self, *grants: Data, **others: Any) -> Done:
        return self.cascading().ended(*grants, **others)

    def restricted(self, *grants: Data) -> Done:
        """The act is refused under `RESTRICT`, since these re-shares rest on what it would end."""
        return self.restricting().has_reshares(*grants)

    def previewed(self, *reasons: Data | str, **fields: Any) -> Answered:
        """A preview has these reasons, and under `gains`, `losses` and `keeps` these effects."""
        answer = {
            "reasons": in_order(map(_reason, reasons)),
            **{name: in_order(map(_effect, fields.pop(name, ()))) for name in _EFFECTS},
            **fields,
        }
        return {"question": {"question": "preview", "act": self}, "answer": answer}

    def preview_is_error(self, name: str) -> Answered:
        return {"question": {"question": "preview", "act": self}, "answer": {"error": name}}


def again(done: Done) -> Done:
    """Return an act whose request was performed before, with that receipt."""
    act, receipt = done
    return act, {**receipt, "repeated": True}


def reason(code: str, **parameters: Any) -> Data:
    return {"code": code, **parameters}


def _reason(named: Data | str, **parameters: Any) -> Data:
    return reason(named, **parameters) if isinstance(named, str) else named


class Principal(str):
    """A user or a group; as a string it is `user:ben` or `group:nurses`."""

    __slots__ = ()
    kind: ClassVar[str]

    def __new__(cls, id: object) -> Self:  # noqa: A002  as the data has it
        return super().__new__(cls, f"{cls.kind}:{id}")

    @property
    def id(self) -> str:
        return self.partition(":")[2]

    def outcome(self, outcome: str, exam: str = "ct", **fields: Any) -> Data:
        """Return the outcome of a share for this recipient; a time is by default the one asked."""
        limit = {"until": None, "limited_by": "ASKED" if fields.get("until") else "NOTHING"}
        return {"exam": exam, "recipient": self, "outcome": outcome, **limit, **fields}

    granted: Final = partialmethod(outcome, "GRANTED")
    widened: Final = partialmethod(outcome, "WIDENED")
    extended: Final = partialmethod(outcome, "EXTENDED")
    unchanged: Final = partialmethod(outcome, "UNCHANGED")
    owns_it: Final = partialmethod(outcome, "OWNS_IT")

    def entry(self, *grants: Data, **held: str | None) -> Data:
        """Return an entry of an access list; by default it holds view for good."""
        held = held or {"VIEW": None}
        highest = "DOWNLOAD" if "DOWNLOAD" in held else "VIEW"
        return {
            "principal": self,
            "permission": highest,
            "until": held[highest],
            "held": held,
            "can_unshare": any(each["can_unshare"] for each in grants),
            "grants": in_order(grants),
        }


class Group(Principal):
    """A group."""

    __slots__ = ()
    kind = "group"

    def fields(self, *members: str, name: str | None = None) -> Data:
        return {"id": self.id, "name": name or _NAMES[self], "members": list(members)}

    def becomes(self, *members: str, name: str | None = None) -> Act:
        return Act(act="group", **self.fields(*members, name=name))


class User(Principal):
    """A user."""

    __slots__ = ()
    kind = "user"

    def fields(self, **fields: Any) -> Data:
        """Return the user, by default active, with sharing in the plan and notices on."""
        return {
            "id": self.id,
            "name": _NAMES.get(self, self.id),
            "email": f"{self.id}@example.org",
            "active": True,
            "sharing_in_plan": True,
            "notices": True,
            **fields,
        }

    without_plan: Final = partialmethod(fields, sharing_in_plan=False)

    def becomes(self, **fields: Any) -> Act:
        return Act(act="user", **self.fields(**fields))

    def share(self, *recipients: Principal, exam: str = "ct", **fields: Any) -> Act:
        shared = {"exam": exam, "recipients": list(recipients), "attested": True, **fields}
        return Act(act="share", actor=self.id, **shared)

    share_batch: Final = partialmethod(share, scope="BATCH")
    share_download: Final = partialmethod(share, permission="DOWNLOAD")

    def unshare(self, recipient: Principal, exam: str = "ct", **fields: Any) -> Act:
        return Act(act="unshare", actor=self.id, exam=exam, recipient=recipient, **fields)

    def narrow(self, recipient: Principal, exam: str = "ct", **bound: Any) -> Act:
        return Act(act="narrow", actor=self.id, exam=exam, recipient=recipient, **bound)

    narrow_to_view: Final = partialmethod(narrow, permission="VIEW")

    def end(self, grant: Data, **fields: Any) -> Act:
        """Return the end of one grant, which the portal looks up for the id."""
        named = {name: grant[name] for name in ("exam", "grantor", "recipient")}
        return Act(act="end_grant", actor=self.id, grant=named, **fields)

    def grant(
        self, to: Principal, permission: str = "VIEW", until: str | None = None, exam: str = "ct"
    ) -> Data:
        named = {"exam": exam, "grantor": self.id, "recipient": to}
        return {**named, "permission": permission, "until": until}

    def gave(self, **fields: Any) -> Data:
        """Return a grant of an entry of an access list, by default with an X."""
        plain = {"permission": "VIEW", "until": None, "can_unshare": True}
        return {"grantor": self.id, **plain, **fields}

    gave_download: Final = partialmethod(gave, permission="DOWNLOAD")

    def notice(self, actor: "User | None" = None, **fields: Any) -> Data:
        """Return a notice to this user, by default from Anna, of one exam, without a message."""
        plain = {"exams": 1, "permission": "VIEW", "until": None, "message": None}
        return {"to": self.id, "actor": (actor or OWNER).id, **plain, **fields}

    def _answered(self, answer: Any, question: str, **fields: Any) -> Answered:
        return {"question": {"question": question, "user": self.id, **fields}, "answer": answer}

    def _check(self, answer: Any, permission: str, exam: str = "ct") -> Answered:
        return self._answered(answer, "can", permission=permission, exam=exam)

    can_view: Final = partialmethod(_check, True, "VIEW")
    can_download: Final = partialmethod(_check, True, "DOWNLOAD")
    cannot_view: Final = partialmethod(_check, False, "VIEW")
    cannot_download: Final = partialmethod(_check, False, "DOWNLOAD")

    def can_only_view(self) -> list[Answered]:
        return [self.can_view(), self.cannot_download()]

    def _explained(self, why: Data, at: str | None = None, **fields: str) -> Answered:
        then = {} if at is None else {"at": at}
        answered = self._answered(why, "explain_at" if then else "explain", **fields, **then)
        return {**answered, "choice": "what an explanation for operators reports"}

    def explained(
        self, permission: str, *grants: Data, as_owner: bool = False, at: str | None = None
    ) -> Answered:
        """Return the explanation of a yes, now or at a time: each grant with its `through`."""
        why = {"holds": True, "as_owner": as_owner, "grants": list(grants)}
        return self._explained(why, at, permission=permission, exam="ct")

    def denied(
        self,
        *nearest: tuple[str, Data | None],
        permission: str = "VIEW",
        code: str = "EXAM_NOT_FOUND",
        exam: str = "ct",
    ) -> Answered:
        """Return the explanation of a no: what is nearest, each as why not and the grant."""
        misses = [{"why_not": why_not, "grant": grant} for why_not, grant in nearest]
        why = {"holds": False, "codes": [code], "nearest": misses}
        return self._explained(why, permission=permission, exam=exam)

    def _listed(self, question: str, *listed: str, exam: str = "ct", **fields: Any) -> Answered:
        return self._answered(list(listed), question, exam=exam, **fields)

    tabs: Final = partialmethod(_listed, "tabs")
    choices: Final = partialmethod(_listed, "choices")

    def suggestions(self, text: str, *principals: Principal, exam: str = "ct") -> Answered:
        return self._listed("suggestions", *principals, exam=exam, text=text)

    def form(self, *exams: str, download: bool = False, **fields: Any) -> Answered:
        """Return the share form of the first exam, which covers all of them, of one subject."""
        offered = {
            "has_share_tab": True,
            "offers_download": download,
            "exams": sorted(exams),
            "subjects": 1,
            "wording": Policy().attestation_wording,
            "sends_messages": True,
            "latest_until": None,
            **fields,
        }
        return self._answered(offered, "share_form", exam=exams[0])

    def no_form(self, exam: str = "ct") -> Answered:
        return self._answered({"has_share_tab": False}, "share_form", exam=exam)

    def access_list(
        self, *entries: Data, exam: str = "ct", owner: "User | None" = None
    ) -> Answered:
        listed = {"owner": (owner or OWNER).id, "entries": entries}
        return self._answered(listed, "access_list", exam=exam)

    def _not_found(self, question: str, exam: str = "ct") -> Answered:
        refused = {"refused": [reason("EXAM_NOT_FOUND", exams=[exam])]}
        return self._answered(refused, question, exam=exam)

    no_access_list: Final = partialmethod(_not_found, "access_list")
    no_accesses: Final = partialmethod(_not_found, "accesses")
    no_graph: Final = partialmethod(_not_found, "graph")

    def looks(self, permission: str = "VIEW", exam: str = "ct", **fields: Any) -> Act:
        return Act(act="look", user=self.id, exam=exam, permission=permission, **fields)

    def looked(self, **fields: Any) -> Data:
        """Return accesses of this user, by default one to view."""
        plain = {"permission": "VIEW", "purpose": None, "first": NOW, "last": NOW, "count": 1}
        return {"user": self.id, **plain, **fields}

    def accesses(self, *rows: Data) -> Answered:
        return self._answered(in_order(rows), "accesses", exam="ct")

    def graph(self, *grants: tuple[Data, ...]) -> Answered:
        """Return a chain of sharing: each grant, then the grants that it rests on."""
        drawn = ({**grant, "rests_on": in_order(sources)} for grant, *sources in grants)
        return self._answered(in_order(drawn), "graph", exam="ct")

    def holder(self, permission: str = "VIEW", *, as_owner: bool = False) -> Data:
        return {"user": self.id, "permission": permission, "as_owner": as_owner}

    def suggestions_held(self, text: str, held: Mapping["User | Group", Data]) -> Answered:
        return self._answered(_held(held), "suggestions_held", exam="ct", text=text)

    def choices_held(self, held: Mapping["User | Group", Data]) -> Answered:
        return self._answered(_held(held), "choices_held", exam="ct")

    def _exams(self, question: str, *exams: tuple[str, str]) -> Answered:
        answer = [{"exam": exam, "permission": permission} for exam, permission in exams]
        return self._answered(answer, question)

    shared_with: Final = partialmethod(_exams, "shared_with")
    visible_to: Final = partialmethod(_exams, "visible_to")

    def nothing_shown(self, exam: str = "ct") -> list[Answered]:
        """Return that every question about an exam is answered as for one that does not exist."""
        return [
            self.cannot_view(exam),
            self.cannot_download(exam),
            self.tabs(exam=exam),
            self.no_form(exam),
            self.no_access_list(exam),
            self.no_accesses(exam),
            self.no_graph(exam),
            self.suggestions("car", exam=exam),
            self.choices(exam=exam),
            self.denied(exam=exam),
        ]

    def nothing_previewed(self, exam: str = "ct") -> list[Answered]:
        """Return that every preview about an exam reports that there is no such exam."""
        carla = User("carla")
        share = self.share(User("dan"), nobody, exam=exam, attested=False)
        acts = (share, self.unshare(carla, exam), self.narrow_to_view(carla, exam))
        return [act.previewed(reason("EXAM_NOT_FOUND", exams=[exam])) for act in acts]


def _held(held: Mapping[User | Group, Data]) -> list[Data]:
    return [{"principal": principal, "held": each} for principal, each in held.items()]


_EFFECTS: Final = ("gains", "losses", "keeps")
_Effect: TypeAlias = Principal | tuple[Principal, str] | tuple[Principal, str, str]
"""A principal who gains, loses or keeps; maybe with a permission, and maybe an exam."""


def _effect(effect: _Effect) -> Data:
    principal, permission, exam, *_ = (
        (effect, "VIEW", "ct") if isinstance(effect, Principal) else (*effect, "ct")
    )
    return {"principal": principal, "exam": exam, "permission": permission}


def passed_on(*people: Principal, **fields: Any) -> list[Act]:
    """Return shares from each user to the next principal."""
    return [User(actor.id).share(recipient, **fields) for actor, recipient in pairwise(people)]


OWNER: Final = User("anna")
"""Who owns the exams that name nobody."""
nobody: Final = User("nobody")
"""An unknown user."""
board: Final = Group("board")
"""A group that a case has to add."""

_NAMES: Final[Mapping[Principal, str]] = {
    **{User(id_): name for id_, name in USERS.items()},
    **{Group(id_): name for id_, (name, _) in GROUPS.items()},
    board: "Board",
}
