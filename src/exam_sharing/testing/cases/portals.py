"""Portals over a `Sharing`, which take and return plain data."""

from abc import abstractmethod
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import lru_cache, partial, partialmethod
from itertools import count
from typing import Any, Final

from typing_extensions import override

import exam_sharing as es
from exam_sharing import documents
from exam_sharing.documents import Forms, with_kind
from exam_sharing.memory import MemoryDirectory, MemoryNotifier
from exam_sharing.policy import requests
from exam_sharing.policy.facts import ShareFacts
from exam_sharing.testing.cases.schema import Data, Given, OpenPortal, Portal
from exam_sharing.testing.opening import OpenStore, StorePorts, opened
from exam_sharing.testing.worlds import FrozenClock, perform

__all__ = ["SharingPortal", "in_memory", "over_sharing", "over_store"]


def over_sharing(open_sharing: Callable[..., es.Sharing]) -> OpenPortal:
    """Return a function that opens portals over a `Sharing`.

    Args:
        open_sharing: takes policy, directory, notifier, clock and new_id as keywords, and returns
            a `Sharing` without uploads, as `exam_sharing.memory.open_sharing` does. The notifier
            fails until the portal is asked for the notices, so that they wait until then.
    """
    return lambda given: SharingPortal(given, open_sharing)


def over_store(open_store: OpenStore) -> OpenPortal:
    """Return a function that opens portals over a store, opened as for the rest of the kit."""

    @contextmanager
    def open_portal(given: Given) -> Iterator[Portal]:
        with opened(open_store) as ports:
            yield SharingPortal(given, partial(sharing_over, ports))

    return open_portal


def sharing_over(
    ports: StorePorts, *, directory: MemoryDirectory, notifier: MemoryNotifier, **others: Any
) -> es.Sharing:
    people = ports.with_people(directory, notifier=notifier)
    return es.Sharing(ports=people, sends_at_once=False, **others)


def in_memory(given: Given) -> Portal:
    """Open a portal over the package itself, in memory."""
    return SharingPortal(given, es.memory.open_sharing)


class _Letterbox(MemoryNotifier):
    """A notifier that does not reach the `unreachable` readers: by default everybody."""

    unreachable: Container[es.UserId] | None = None

    @override
    def send(self, notice: es.ShareNotice) -> None:
        if self.unreachable is None or notice.to in self.unreachable:
            raise ConnectionError
        super().send(notice)


def sight(given: Given) -> tuple[Callable[..., bool], Callable[..., bool]]:
    """Return which principals an actor sees in the directory, and which members of groups."""

    def seen(pairs: list[list[str]]) -> Callable[[es.UserId, es.PrincipalId], bool]:
        unseen = {(es.UserId(actor), _principal(principal)) for actor, principal in pairs}
        return lambda actor, principal: (actor, principal) not in unseen

    return seen(given["unseen"]), seen(given["unseen_members"])


class PlainPortal(Portal):
    """Reads acts and questions into values, for a subclass that has a method for each of them."""

    def __init__(self, given: Given) -> None:
        self._exams: list[es.ExamId] = []
        self._batches: dict[str, tuple[es.UserId, datetime]] = {}
        parts = {"user": given["users"], "group": given["groups"], "upload": given["uploads"]}
        for kind, several in parts.items():
            for each in several:
                self.do({"act": kind, **each})

    def do(self, act: Data) -> Data:
        done: Data = self._call("do", act, "act")
        return done

    def ask(self, question: Data) -> Any:
        return self._call("ask", question, "question")

    def _call(self, verb: str, data: Data, kind: str) -> Any:
        fields = dict(data)
        name = fields.pop(kind)
        if name in {"suggestions", "choices"}:
            return [each["principal"] for each in self.ask({**data, kind: f"{name}_held"})]
        call = getattr(self, f"_{verb}_{name}", None)
        if verb == "do" and name in REQUESTS:
            call = partial(self._perform, name)
        if call is None:
            raise es.InvalidArgument(kind, "is not one of those in cases")
        try:
            return call(**fields_of(fields))
        except es.Refused as refused:
            return {"refused": self._reasons(refused)}
        except es.InvalidValue:
            return {"error": es.InvalidValue.__name__}
        except (es.CallerError, es.InputError) as error:
            return {"error": type(error).__name__}

    def _do_user(self, *, sharing_in_plan: bool, notices: bool, **fields: Any) -> Data:
        user = es.User(**{**fields, "id": es.UserId(fields["id"])})
        self._add(user, sharing_in_plan=sharing_in_plan, notices=notices)
        return {}

    def _do_group(self, *, members: list[str], **fields: Any) -> Data:
        known = frozenset(map(_principal, members))
        self._add(es.Group(id=es.GroupId(fields["id"]), name=fields["name"], members=known))
        return {}

    def _do_upload(self, *, batch: str, sealed: bool, exams: list[Data]) -> Data:
        id_ = es.BatchId(batch)
        arrived = [
            es.Exam(batch=id_, **{**fields_of(exam), "id": es.ExamId(exam["id"])}) for exam in exams
        ]
        owner, time = self._batches.setdefault(batch, (arrived[0].owner, arrived[0].uploaded_at))
        upload = es.UploadBatch(id=id_, uploader=owner, received_at=time, sealed=sealed)
        self._add_upload(upload, arrived)
        self._exams += [exam.id for exam in arrived]
        return {}

    def request(self, act: Data) -> requests.Request:
        return self._request(**fields_of(act))

    def _request(self, act: str, **fields: Any) -> requests.Request:
        if act == "end_grant":
            fields["grant"] = self._grant_id(**fields["grant"])
        return REQUESTS[act](**fields)

    def _grant_id(self, *, exam: str, grantor: str, recipient: str) -> es.GrantId:
        named = (es.UserId(grantor), _principal(recipient))
        standing = self._standing(es.ExamId(exam))
        found = (f"{each.id}" for each in standing if (each.grantor, each.recipient) == named)
        return es.GrantId(next(found, "none"))

    def _reasons(self, refusal: es.Refused | es.Preview) -> list[Data]:
        return in_order(map(self._reason, refusal.reasons))

    def _reason(self, reason: es.Reason) -> Data:
        """Return a reason with its parameters; a grant has its content instead of its id."""
        named = {f"{each}" for each in reason.grants}
        grants = [g for e in self._exams if named for g in self._standing(e) if f"{g.id}" in named]
        data = {**plain(reason), "grants": in_order(map(grant, grants))}
        data |= {name: sorted(data[name]) for name in ("exams", "principals")}
        return {name: value for name, value in data.items() if value not in (None, [])}

    def _ask_can(self, user: es.UserId, permission: es.Permission, exam: es.ExamId) -> Any:
        return self._view("can", user, permission, exam)

    def _ask_tabs(self, user: es.UserId, exam: es.ExamId) -> Any:
        return plain(self._view("tabs", user, exam))

    def _ask_share_form(self, user: es.UserId, exam: es.ExamId) -> Any:
        form = self._view("share_form", user, exam)
        shown = plain(form) if form.has_share_tab else plain(form, "has_share_tab")
        return {name: sorted(value) if name == "exams" else value for name, value in shown.items()}

    def _ask_access_list(self, user: es.UserId, exam: es.ExamId) -> Data:
        found = self._view("access_list", user, exam)
        entries = [
            {
                **plain(entry, "principal", "permission", "until", "held", "can_unshare"),
                "grants": in_order(
                    plain(self._grant(each.grant), "grantor", "permission", "until")
                    | plain(each, "can_unshare")
                    for each in entry.grants
                ),
            }
            for entry in found.entries
        ]
        return {**plain(found, "owner"), "entries": entries}

    def _ask_suggestions_held(self, user: es.UserId, exam: es.ExamId, text: str) -> list[Data]:
        found = self._view("suggest", user, exam, text)
        return [plain(each, "principal", "held") for each in found]

    def _ask_choices_held(self, user: es.UserId, exam: es.ExamId) -> list[Data]:
        found = self._view("recipients", user, exam)
        return [plain(each, "principal", "held") for each in found]

    def _ask_accesses(self, user: es.UserId, exam: es.ExamId) -> list[Data]:
        names = ("user", "permission", "purpose", "first", "last", "count")
        return in_order(plain(each, *names) for each in self._view("accesses", user, exam))

    def _ask_graph(self, user: es.UserId, exam: es.ExamId) -> list[Data]:
        drawn = [each.grant for each in self._view("graph", user, exam).grants]
        grants = {self._grant(each).id: grant(self._grant(each)) for each in drawn}
        sources = (each.basis if isinstance(each.basis, frozenset) else () for each in drawn)
        return in_order(
            {**made, "rests_on": in_order(grants[each] for each in basis)}
            for made, basis in zip(grants.values(), sources, strict=True)
        )

    def _ask_exams(self, name: str, user: es.UserId) -> list[Data]:
        return [plain(each, "exam", "permission") for each in self._view(name, user)]

    _ask_shared_with = partialmethod(_ask_exams, "shared_with")
    _ask_visible_to = partialmethod(_ask_exams, "visible_to")

    def _ask_preview(self, act: Data) -> Data:
        preview = self._view("preview", self.request(act))
        effects = {name: _effects(getattr(preview, name)) for name in ("gains", "losses", "keeps")}
        return {"reasons": self._reasons(preview), **effects, **_repeated(preview)}

    def _receipt(self, done: Any) -> Data:
        """Return a receipt of the package, or of the model."""
        if hasattr(done, "outcomes"):
            return {"shared": in_order(plain(tuple(done.outcomes))), **_repeated(done)}
        names = {"ended": "ended", "replaced_by": "replacements", "left_standing": "left_standing"}
        listed = {
            name: in_order(grant(self._grant(each)) for each in getattr(done, field))
            for name, field in names.items()
        }
        kept = sorted(map(with_kind, done.still_have_access))
        return {**listed, "still_have_access": kept, **_repeated(done)}

    @abstractmethod
    def _view(self, name: str, *about: Any) -> Any:
        """Return the answer of the method of `Sharing` with this name, or one of its shape."""

    def _grant(self, listed: Any) -> Any:
        """Return a grant that an answer names."""
        return listed

    @abstractmethod
    def _add(self, one: es.User | es.Group, **user: bool) -> None: ...
    @abstractmethod
    def _add_upload(self, upload: es.UploadBatch, exams: list[es.Exam]) -> None: ...
    @abstractmethod
    def _perform(self, act: str, **fields: Any) -> Data: ...
    @abstractmethod
    def _standing(self, exam: es.ExamId) -> Sequence[Any]:
        """Return the grants that stand on an exam, the oldest first; none if it is not found."""


class SharingPortal(PlainPortal):
    """A portal over a `Sharing`, with its own directory, clock and notifier.

    Args:
        given: the portal before the acts.
        open_sharing: as for `over_sharing`.

    Attributes:
        sharing: the `Sharing` under the portal, for endpoints of your own in front of it.
    """

    def __init__(self, given: Given, open_sharing: Callable[..., es.Sharing]) -> None:
        visible, members_visible = sight(given)
        numbers = count(1)
        self._clock = FrozenClock(datetime.fromisoformat(given["now"]))
        self._notifier = _Letterbox()
        self._directory = MemoryDirectory(
            visible=visible, members_visible=members_visible, clock=self._clock
        )
        self.sharing: es.Sharing = open_sharing(
            policy=es.Policy(**fields_of(given["policy"])),
            directory=self._directory,
            notifier=self._notifier,
            clock=self._clock,
            new_id=lambda: f"act{next(numbers)}",
        )
        super().__init__(given)

    @override
    def _add(self, one: es.User | es.Group, **user: bool) -> None:
        self._directory.add(one, **user)

    @override
    def _add_upload(self, upload: es.UploadBatch, exams: list[es.Exam]) -> None:
        self.sharing.add_upload(upload, exams)

    def _do_clock(self, now: str) -> Data:
        self._clock.now = datetime.fromisoformat(now)
        return {}

    @override
    def _view(self, name: str, *about: Any) -> Any:
        answer = getattr(self.sharing, name)(*about)
        return answer.items if isinstance(answer, es.Page) else answer

    @override
    def _perform(self, act: str, **fields: Any) -> Data:
        return self._receipt(perform(self.sharing, self._request(act, **fields)))

    def _do_look(self, **looked: Any) -> Data:
        self.sharing.record_access(**looked)
        return {}

    def _end_by_host(self, name: str, **fields: Any) -> Data:
        end = getattr(self.sharing.admin, name)
        return self._receipt(end(**fields, performed_by="ops", why="a case"))

    _do_host_ends = partialmethod(_end_by_host, "end_by_host")
    _do_withdraw = partialmethod(_end_by_host, "withdraw")

    def _ask_explain(self, **asked: Any) -> Data:
        why = self.sharing.admin.explain(**asked)
        if isinstance(why, es.Denied):
            nearest = [
                {"why_not": plain(miss.why_not), "grant": miss.grant and grant(miss.grant)}
                for miss in why.nearest
            ]
            return {"holds": False, "codes": plain(why.codes), "nearest": nearest}
        grants = (
            {**grant(ground.grant), "through": [with_kind(each) for each in ground.path[1:]]}
            for ground in why.grounds
        )
        return {"holds": True, "as_owner": why.as_owner, "grants": in_order(grants)}

    _ask_explain_at = _ask_explain

    def _ask_access_at(self, exam: es.ExamId, at: datetime) -> Data:
        then = self.sharing.admin.access_at(exam, at)
        holders = (plain(each, "user", "permission", "as_owner") for each in then.holders)
        return {**plain(then, "owner"), "holders": in_order(holders)}

    def _ask_notices(self) -> list[Data]:
        self._notifier.unreachable = ()
        self.sharing.admin.deliver_notices()
        self._notifier.unreachable = None
        names = ("to", "actor", "exams", "permission", "until", "message")
        return in_order(plain(notice, *names) for notice in self._notifier.sent)

    @override
    def _standing(self, exam: es.ExamId) -> list[es.ShownGrant]:
        try:
            drawn = self.sharing.admin.graph(exam).grants
        except es.Refused:
            return []
        return [each.grant for each in drawn if each.stands]


REQUESTS: Final[Mapping[str, Callable[..., requests.Request]]] = {
    "share": requests.ShareRequest,
    "unshare": requests.UnshareRequest,
    "narrow": requests.NarrowRequest,
    "end_grant": requests.RevokeRequest,
}


def request_of(act: Data) -> requests.Request:
    """Return a request that is an act in plain data; none ends a grant by its id."""
    fields = fields_of(act)
    return REQUESTS[fields.pop("act")](**fields)


ACTS: Final = frozenset(
    (*REQUESTS, "clock", "group", "host_ends", "look", "upload", "user", "withdraw")
)
"""Every act in cases."""
OF_OPERATORS: Final = frozenset({"access_at", "explain", "explain_at"})
QUESTIONS: Final = OF_OPERATORS | frozenset(
    (
        *("access_list", "accesses", "can", "choices", "choices_held", "graph", "notices"),
        *("preview", "share_form", "shared_with", "suggestions", "suggestions_held", "tabs"),
        *("visible_to",),
    )
)
"""Every question in cases."""
ACCOUNT: Final = frozenset({"access_at", "accesses", "explain_at", "graph", "look"})
"""Acts and questions that a portal need not have: they are chosen only by name."""


def _principal(text: str) -> es.PrincipalId:
    kind, _, name = text.partition(":")
    return es.UserId(name) if kind == "user" else es.GroupId(name)


def _host_rule(*, code: str, refuses_shares_by: str) -> es.HostRule:
    def refuses(request: requests.ShareRequest, _facts: ShareFacts, _host: object) -> bool:
        return str(request.actor) == refuses_shares_by

    return es.HostRule(
        code=code, statement=f"Shares by {refuses_shares_by} are refused.", refuses=refuses
    )


_user: Final = lru_cache(es.UserId)
_exam: Final = lru_cache(es.ExamId)

_FROM: Final[Mapping[str, Callable[[Any], Any]]] = {
    "access_list": es.AccessListScope,
    "access_window": lambda seconds: timedelta(seconds=seconds),
    "actor": _user,
    "at": datetime.fromisoformat,
    "exam": _exam,
    "expect": lambda texts: [es.ExamId(text) for text in texts],
    "host_rules": lambda rules: [_host_rule(**rule) for rule in rules],
    "owner": _user,
    "uploaded_at": datetime.fromisoformat,
    "max_duration": lambda seconds: timedelta(seconds=seconds),
    "permission": lambda text: es.Permission[text],
    "recipient": _principal,
    "recipients": lambda texts: [_principal(text) for text in texts],
    "reshares": requests.Reshares,
    "scope": requests.Scope,
    "until": datetime.fromisoformat,
    "user": _user,
}


def fields_of(data: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: _FROM[name](value) if name in _FROM and value is not None else value
        for name, value in data.items()
    }


_FORMS: Final[Forms] = {
    datetime: lambda time: time.isoformat().replace("+00:00", "Z"),
    timedelta: lambda duration: duration // timedelta(seconds=1),
    "principal": with_kind,
    "principals": lambda principals: [with_kind(each) for each in principals],
    "recipients": lambda principals: [with_kind(each) for each in principals],
    "recipient": with_kind,
    **dict.fromkeys(("message", "subject"), lambda text: None if text is None else str(text)),
}


def plain(value: object, *names: str) -> Any:
    """Return a value as plain data, or some of its fields."""
    return documents.fields_of(value, _FORMS, *names) if names else documents.plain(value, _FORMS)


def in_order(values: Iterable[Data]) -> list[Data]:
    """Return data sorted by the first part that differs; `None` comes after everything else."""
    return sorted(
        values,
        key=lambda each: [(part is None, "" if part is None else part) for part in each.values()],
    )


def grant(grant: Any) -> Data:
    data: Data = plain(grant, "exam", "grantor", "recipient", "permission", "until")
    return data


def _effects(effects: Iterable[object]) -> list[Data]:
    return in_order(plain(each, "principal", "exam", "permission") for each in effects)


def _repeated(answer: Any) -> Data:
    return {"repeated": True} if answer.repeated else {}
