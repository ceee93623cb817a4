"""The model as a portal in plain data, with which the machine compares another portal."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from typing_extensions import override

import exam_sharing as es
from exam_sharing.documents import with_kind
from exam_sharing.testing import model
from exam_sharing.testing.cases import portals
from exam_sharing.testing.cases.portals import in_order, plain
from exam_sharing.testing.cases.schema import Data, Given
from exam_sharing.testing.model.views import folded

SUGGESTED: Final = 10
"""The default limit of suggestions."""


class ModelPortal(portals.PlainPortal):
    """A portal over the model, whose facts are in `world`. It knows no rules of the host."""

    def __init__(self, given: Given) -> None:
        visible, members_visible = portals.sight(given)
        self.world: model.world.World = model.world.World(
            now=datetime.fromisoformat(given["now"]),
            policy=es.Policy(**portals.fields_of(given["policy"])),
            visible=visible,
            members_visible=members_visible,
        )
        self._sent: list[model.world.Notice] = []
        super().__init__(given)

    @override
    def _add(self, one: es.User | es.Group, **user: bool) -> None:
        if isinstance(one, es.User):
            account = model.world.Account(active=one.active, **user)
            self.world.add_user(one.id, account, name=one.name, address=one.email or "")
            return
        try:
            self.world.add_group(one.id, one.members, name=one.name)
        except ValueError:
            raise es.MembershipCycle(one.id.value) from None

    @override
    def _add_upload(self, upload: es.UploadBatch, exams: list[es.Exam]) -> None:
        if any(exam.id in self.world.exams for exam in exams):
            raise es.AlreadyExists("exam", "")
        if not self.world.add_upload(upload.id, tuple(exams), sealed=upload.sealed):
            raise es.BatchSealed(upload.id.value)

    def _do_clock(self, now: str) -> Data:
        self.world.now = datetime.fromisoformat(now)
        return {}

    @override
    def _perform(self, act: str, **fields: Any) -> Data:
        try:
            return self._done(model.acts.perform(self.world, self._request(act, **fields)))
        except model.world.RequestIdReused:
            return {"error": es.RequestIdReused.__name__}

    def _done(self, done: model.world.Receipt | model.world.Refused) -> Data:
        if isinstance(done, model.world.Refused):
            raise es.Refused(_why(done))
        repeated = {"repeated": True} if done.repeated else {}
        if isinstance(done, model.world.Ended):
            shown = map(self._grants, (done.ended, done.replacements, done.left_standing))
            ended = portals.ended(*shown, still_have_access=done.still_have_access)
            return {**ended, **repeated}
        names = ("exam", "recipient", "outcome", "until", "limited_by")
        made = [
            (exam.value, with_kind(to), outcome, plain(until), limit)
            for (exam, to), (outcome, until, limit) in done.outcomes.items()
        ]
        shared = in_order(dict(zip(names, each, strict=True)) for each in made)
        return {"shared": shared, **repeated}

    def _grants(self, numbers: Iterable[model.world.GrantNumber]) -> list[model.world.Grant]:
        return [self.world.grants[number] for number in sorted(numbers)]

    @override
    def _standing(self, exam: es.ExamId) -> Sequence[model.world.Grant]:
        return self._grants(grant.id for grant in self.world.standing(exam))

    def _do_host_ends(
        self,
        recipient: es.PrincipalId,
        exam: es.ExamId | None = None,
        reshares: es.Reshares | None = None,
    ) -> Data:
        return self._done(model.acts.end_by_host(self.world, recipient, exam, reshares))

    def _do_withdraw(self, exam: es.ExamId) -> Data:
        return self._done(model.acts.withdraw(self.world, exam))

    def _ask_can(self, user: es.UserId, permission: es.Permission, exam: es.ExamId) -> bool:
        return self.world.holds(user, permission, exam)

    def _ask_tabs(self, user: es.UserId, exam: es.ExamId) -> list[str]:
        return sorted(model.views.tabs(self.world, user, exam))

    def _ask_share_form(self, user: es.UserId, exam: es.ExamId) -> Data:
        form = model.views.share_form(self.world, user, exam)
        if not form.has_share_tab:
            return {"has_share_tab": False}
        shown: Data = plain(form)
        return shown

    def _ask_access_list(self, user: es.UserId, exam: es.ExamId) -> Data:
        shown = model.views.access_list(self.world, user, exam)
        if isinstance(shown, model.world.Refused):
            raise es.Refused(_why(shown))
        by_name = sorted(shown.entries, key=lambda one: (folded(shown.entries[one].name), one.key))
        entries = [self._entry(each, shown.entries[each]) for each in by_name]
        return {"owner": plain(shown.owner), "entries": entries}

    def _entry(self, principal: es.PrincipalId, entry: model.views.Entry) -> Data:
        highest = max(entry.held)
        return {
            "principal": with_kind(principal),
            "permission": highest.name,
            "until": plain(entry.held[highest]),
            "held": plain(entry.held),
            "can_unshare": entry.can_unshare,
            "grants": in_order(
                {**plain(grant, "grantor", "permission", "until"), "can_unshare": can}
                for grant in self._grants(entry.grants)
                for can in [entry.grants[grant.id]]
            ),
        }

    def _ask_suggestions_held(self, user: es.UserId, exam: es.ExamId, text: str) -> list[Data]:
        found = model.views.suggestions(self.world, user, exam, text)[:SUGGESTED]
        return [plain(each, "principal", "held") for each in found]

    def _ask_choices_held(self, user: es.UserId, exam: es.ExamId) -> list[Data]:
        found = model.views.recipients(self.world, user, exam)
        return [plain(each, "principal", "held") for each in found]

    def _ask_visible_to(self, user: es.UserId) -> list[Data]:
        return _exams(model.views.visible_to(self.world, user))

    def _ask_shared_with(self, user: es.UserId) -> list[Data]:
        return _exams(model.views.shared_with(self.world, user))

    def _ask_preview(self, act: Data) -> Data:
        request = self.request(act)
        try:
            preview = model.acts.preview(self.world, request)
        except model.world.RequestIdReused:
            return {"error": es.RequestIdReused.__name__}
        reasons = _why(preview.refused)
        effects = {
            name: in_order(
                {"principal": with_kind(one), "exam": exam.value, "permission": permission.name}
                for one, exam, permission in getattr(preview, name)
            )
            for name in ("gains", "losses", "keeps")
        }
        repeated = {"repeated": True} if preview.repeated else {}
        return {"reasons": self._reasons(es.Preview(reasons=reasons)), **effects, **repeated}

    def _ask_notices(self) -> list[Data]:
        self._sent += model.sharing.deliver_notices(self.world)
        names = ("to", "actor", "permission", "until", "message")
        return in_order(
            {"to": sent["to"], "actor": sent["actor"], "exams": len(notice.exams), **sent}
            for notice in self._sent
            for sent in [plain(notice, *names)]
        )


def _why(refused: model.world.Refused) -> tuple[es.Reason, ...]:
    return tuple(
        es.Reason(code=code, **about)
        for code in es.ReasonCode
        if code.value in refused.reasons
        for about in _about(refused.reasons[code.value])
    )


def _about(about: frozenset[Any]) -> list[Data]:
    """Return the parameters of all reasons with one code: each named limit is one of its own."""

    def of(*kinds: type) -> tuple[Any, ...]:
        return tuple(each for each in about if type(each) in kinds)

    if limits := of(tuple):
        return [{"limited": what, "limit": limit} for what, limit in limits]
    grants = of(model.world.GrantNumber, es.GrantId)
    named = {"principals": of(es.UserId, es.GroupId), "exams": of(es.ExamId)}
    named["grants"] = tuple(es.GrantId(f"{each}") for each in grants)
    return [
        {**named, "until": max(of(datetime), default=None), "limit": max(of(int), default=None)}
    ]


def _exams(listed: Iterable[tuple[es.ExamId, es.Permission]]) -> list[Data]:
    return [{"exam": exam.value, "permission": permission.name} for exam, permission in listed]
