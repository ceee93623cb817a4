"""Portals over a `Sharing`: plain data in, plain data out."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from typing import Any

from exam_sharing import memory
from exam_sharing.errors import CallerError, InputError, InvalidArgument, InvalidValue
from exam_sharing.exams import Exam, UploadBatch
from exam_sharing.grants import Permission, ShownGrant
from exam_sharing.identifiers import (
    BatchId,
    ExamId,
    GrantId,
    GroupId,
    UserId,
)
from exam_sharing.memory import MemoryDirectory, MemoryNotifier
from exam_sharing.policy.decisions import Denied, Reason, Refused
from exam_sharing.policy.plans import Preview
from exam_sharing.policy.requests import (
    NarrowRequest,
    Request,
    RevokeRequest,
    ShareRequest,
    UnshareRequest,
)
from exam_sharing.policy.settings import Policy
from exam_sharing.principals import Group, User
from exam_sharing.sharing import Sharing
from exam_sharing.testing.cases.letterbox import Letterbox
from exam_sharing.testing.cases.plain_data import (
    choice_told,
    effects_told,
    end_told,
    entry_told,
    exams_told,
    fields_of,
    grant_told,
    in_order,
    moment_of,
    named,
    repeated_told,
    share_told,
    who,
    written,
)
from exam_sharing.testing.cases.schema import Data, Given, OpenPortal, Portal
from exam_sharing.testing.opening import OpenStore, opened
from exam_sharing.testing.worlds import FrozenClock

__all__ = ["SharingPortal", "in_memory", "over_sharing", "over_store"]


def over_sharing(open_sharing: Callable[..., Sharing]) -> OpenPortal:
    """Return what opens portals over a `Sharing`.

    Args:
        open_sharing: takes policy, directory, notifier, clock and new_id, by these names, and
            returns a `Sharing` in which nothing was uploaded; `exam_sharing.memory.open_sharing`
            is one. The notifier takes nothing until notices are asked for: they wait until then.
    """

    def open_portal(given: Given) -> Portal:
        return SharingPortal(given, open_sharing)

    return open_portal


def over_store(open_store: OpenStore) -> OpenPortal:
    """Return what opens portals over a store, as the rest of the testing kit takes one."""

    @contextmanager
    def open_portal(given: Given) -> Iterator[Portal]:
        with opened(open_store) as ports:

            def open_sharing(
                *, policy: Policy, directory: MemoryDirectory, notifier: MemoryNotifier, **own: Any
            ) -> Sharing:
                return Sharing(
                    policy=policy,
                    ports=ports.with_people(directory, notifier=notifier),
                    sends_at_once=False,
                    **own,
                )

            yield SharingPortal(given, open_sharing)

    return open_portal


def in_memory(given: Given) -> Portal:
    """Open a portal over the package itself, in memory."""
    return SharingPortal(given, memory.open_sharing)


class SharingPortal(Portal):
    """A portal over a `Sharing`, with its own directory, clock and notifier.

    Args:
        given: what is so at the beginning.
        open_sharing: as for `over_sharing`.
    """

    def __init__(self, given: Given, open_sharing: Callable[..., Sharing]) -> None:
        """Open it, and let everybody be known and everything arrive."""
        unseen = {(actor, principal) for actor, principal in given["unseen"]}
        closed = {(actor, group) for actor, group in given["unseen_members"]}
        numbers = count(1)
        self._clock = FrozenClock(moment_of(given["now"]))
        self._notifier = Letterbox()
        self._owners: dict[ExamId, UserId] = {}
        self._directory = MemoryDirectory(
            visible=lambda actor, principal: (f"{actor}", named(principal)) not in unseen,
            members_visible=lambda actor, group: (f"{actor}", named(group)) not in closed,
        )
        self._sharing = open_sharing(
            policy=Policy(**fields_of(given["policy"])),
            directory=self._directory,
            notifier=self._notifier,
            clock=self._clock,
            new_id=lambda: f"act{next(numbers)}",
        )
        for user in given["users"]:
            self.do({"act": "user", **user})
        for group in given["groups"]:
            self.do({"act": "group", **group})
        for upload in given["uploads"]:
            self.do({"act": "upload", **upload})

    @property
    def sharing(self) -> Sharing:
        """What the portal is over, to put endpoints of your own in front of."""
        return self._sharing

    def do(self, act: Data) -> Data:
        """Do an act; a refusal is an outcome, and so is a mistake of whoever calls."""
        outcome: Data = self._told(self._named("act", act))
        return outcome

    def ask(self, question: Data) -> Any:
        """Answer a question; a refusal is an answer, and so is a mistake of whoever calls."""
        return self._told(self._named("question", question))

    def _told(self, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except Refused as refused:
            return {"refused": [self._reason(each) for each in refused.reasons]}
        except InvalidValue:
            return {"error": InvalidValue.__name__}
        except (CallerError, InputError) as error:
            return {"error": type(error).__name__}

    def _named(self, kind: str, data: Data) -> Callable[[], Any]:
        """Return what to call for an act or a question.

        Raises:
            InvalidValue: there is none of that name.
        """
        asked = {name: value for name, value in data.items() if name != kind}
        prefix = {"act": "_do", "question": "_ask"}[kind]
        found = getattr(self, f"{prefix}_{data[kind]}", None)
        if found is None:
            raise InvalidArgument(kind, "is none that cases have")
        return partial(found, **asked)

    def _do_clock(self, now: str) -> Data:
        self._clock.now = moment_of(now)
        return {}

    def _do_user(
        self,
        *,
        id: str,  # noqa: A002  as the data has it
        name: str,
        email: str | None,
        active: bool,
        sharing_in_plan: bool,
        notices: bool,
    ) -> Data:
        self._directory.add(
            User(id=UserId(id), name=name, email=email, active=active),
            sharing_in_plan=sharing_in_plan,
            notices=notices,
        )
        return {}

    def _do_group(self, *, id: str, name: str, members: list[str]) -> Data:  # noqa: A002
        self._directory.add(Group(id=GroupId(id), name=name, members=frozenset(map(who, members))))
        return {}

    def _do_upload(self, *, batch: str, sealed: bool, exams: list[Data]) -> Data:
        arrived = [
            Exam(
                id=ExamId(exam["id"]),
                owner=UserId(exam["owner"]),
                batch=BatchId(batch),
                uploaded_at=moment_of(exam["uploaded_at"]),
                subject=exam["subject"],
            )
            for exam in exams
        ]
        first = arrived[0]
        self._sharing.add_upload(
            UploadBatch(
                id=BatchId(batch),
                uploader=first.owner,
                received_at=first.uploaded_at,
                sealed=sealed,
            ),
            arrived,
        )
        self._owners |= {exam.id: exam.owner for exam in arrived}
        return {}

    def _do_share(self, **asked: Any) -> Data:
        return share_told(self._sharing.share(self._share_request(**asked)))

    def _do_unshare(self, **asked: Any) -> Data:
        return end_told(self._sharing.unshare(UnshareRequest(**fields_of(asked))))

    def _do_narrow(self, **asked: Any) -> Data:
        return end_told(self._sharing.narrow(NarrowRequest(**fields_of(asked))))

    def _do_end_grant(self, **asked: Any) -> Data:
        return end_told(self._sharing.revoke(self._revoke_request(**asked)))

    def _do_host_ends(self, **asked: Any) -> Data:
        return end_told(
            self._sharing.admin.end_by_host(**fields_of(asked), performed_by="ops", why="a case")
        )

    def _do_withdraw(self, *, exam: str) -> Data:
        return end_told(
            self._sharing.admin.withdraw(ExamId(exam), performed_by="ops", why="a case")
        )

    def _ask_can(self, *, user: str, permission: str, exam: str) -> bool:
        return self._sharing.can(UserId(user), Permission[permission], ExamId(exam))

    def _ask_explain(self, *, user: str, permission: str, exam: str) -> Data:
        why = self._sharing.admin.explain(UserId(user), Permission[permission], ExamId(exam))
        if isinstance(why, Denied):
            return {
                "holds": False,
                "codes": sorted(code.value for code in why.codes),
                "nearest": [
                    {
                        "why_not": miss.why_not.value,
                        "grant": None if miss.grant is None else grant_told(miss.grant),
                    }
                    for miss in why.nearest
                ],
            }
        return {
            "holds": True,
            "as_owner": why.as_owner,
            "grants": in_order(
                {
                    **grant_told(ground.grant),
                    "through": [named(each) for each in ground.path[1:]],
                }
                for ground in why.grounds
            ),
        }

    def _ask_tabs(self, *, user: str, exam: str) -> list[str]:
        return sorted(tab.value for tab in self._sharing.tabs(UserId(user), ExamId(exam)))

    def _ask_share_form(self, *, user: str, exam: str) -> Data:
        form = self._sharing.share_form(UserId(user), ExamId(exam))
        if not form.has_share_tab:
            return {"has_share_tab": False}
        return {
            "has_share_tab": True,
            "offers_download": form.offers_download,
            "exams": [str(each) for each in form.exams],
            "subjects": form.subjects,
            "wording": form.wording,
            "sends_messages": form.sends_messages,
            "latest_until": written(form.latest_until),
        }

    def _ask_access_list(self, *, user: str, exam: str) -> Data:
        found = self._sharing.access_list(UserId(user), ExamId(exam))
        return {"owner": str(found.owner), "entries": [entry_told(each) for each in found.entries]}

    def _ask_suggestions(self, **asked: str) -> list[str]:
        return [each["principal"] for each in self._ask_suggestions_held(**asked)]

    def _ask_suggestions_held(self, *, user: str, exam: str, text: str) -> list[Data]:
        return [*map(choice_told, self._sharing.suggest(UserId(user), ExamId(exam), text))]

    def _ask_choices(self, **asked: str) -> list[str]:
        return [each["principal"] for each in self._ask_choices_held(**asked)]

    def _ask_choices_held(self, *, user: str, exam: str) -> list[Data]:
        return [*map(choice_told, self._sharing.recipients(UserId(user), ExamId(exam)).items)]

    def _ask_shared_with(self, *, user: str) -> list[Data]:
        return exams_told(self._sharing.shared_with(UserId(user)))

    def _ask_visible_to(self, *, user: str) -> list[Data]:
        return exams_told(self._sharing.visible_to(UserId(user)))

    def _ask_preview(self, *, act: Data) -> Data:
        return self._previewed(self._sharing.preview(self._request(act)))

    def _ask_notices(self) -> list[Data]:
        with self._notifier.opened():
            self._sharing.admin.deliver_notices()
        return in_order(
            {
                "to": str(notice.to),
                "actor": str(notice.actor),
                "exams": notice.exams,
                "permission": notice.permission.name,
                "until": written(notice.until),
                "message": None if notice.message is None else str(notice.message),
            }
            for notice in self._notifier.sent
        )

    def _request(self, act: Data) -> Request:
        asked = {name: value for name, value in act.items() if name != "act"}
        match act["act"]:
            case "share":
                return self._share_request(**asked)
            case "unshare":
                return UnshareRequest(**fields_of(asked))
            case "narrow":
                return NarrowRequest(**fields_of(asked))
            case _:
                return self._revoke_request(**asked)

    def _share_request(self, **asked: Any) -> ShareRequest:
        return ShareRequest(**fields_of(asked))

    def _revoke_request(self, *, grant: Data, **asked: Any) -> RevokeRequest:
        wanted = [
            each.id
            for each in self._standing(ExamId(grant["exam"]))
            if (f"{each.grantor}", named(each.recipient)) == (grant["grantor"], grant["recipient"])
        ]
        return RevokeRequest(**fields_of(asked), grant=wanted[0] if wanted else GrantId("none"))

    def _standing(self, exam: ExamId) -> list[ShownGrant]:
        """Return the grants on an exam, as its owner sees them."""
        owner = self._owners.get(exam)
        if owner is None:
            return []
        try:
            entries = self._sharing.access_list(owner, exam).entries
        except Refused:
            return []
        return [listed.grant for entry in entries for listed in entry.grants]

    def _previewed(self, preview: Preview) -> Data:
        return {
            "reasons": [self._reason(each) for each in preview.reasons],
            "gains": effects_told(preview.gains),
            "losses": effects_told(preview.losses),
            "keeps": effects_told(preview.keeps),
            **repeated_told(preview),
        }

    def _reason(self, reason: Reason) -> Data:
        """Return a reason with the parameters that it has; grants are told by what they say."""
        grants = [g for exam in self._owners for g in self._standing(exam) if g.id in reason.grants]
        told = {
            "code": reason.code.value,
            "principals": [named(each) for each in reason.principals],
            "exams": sorted(map(str, reason.exams)),
            "grants": in_order(map(grant_told, grants)),
            "until": written(reason.until),
            "limit": reason.limit,
            "limited": reason.limited,
            "host_code": reason.host_code,
        }
        return {name: value for name, value in told.items() if value not in (None, [])}
