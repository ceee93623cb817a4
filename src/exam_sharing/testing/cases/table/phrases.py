"""The words that cases are written in; each returns plain data."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from exam_sharing.testing.cases.schema import Answered, Case, Data, Given

__all__ = [
    "DAY",
    "HOUR",
    "NOW",
    "PAST",
    "WEEK",
    "access_list",
    "answers",
    "case",
    "clock",
    "end_grant",
    "ended",
    "entry",
    "exam",
    "form",
    "grant",
    "group",
    "host_ends",
    "made",
    "narrow",
    "no",
    "no_form",
    "notice",
    "portal",
    "preview",
    "reason",
    "refused",
    "repeated",
    "share",
    "shared",
    "unshare",
    "upload",
    "user",
    "withdraw",
    "yes",
]

NOW: Final = "2030-01-01T12:00:00Z"
PAST: Final = "2030-01-01T11:59:59Z"
HOUR: Final = "2030-01-01T13:00:00Z"
DAY: Final = "2030-01-02T12:00:00Z"
WEEK: Final = "2030-01-08T12:00:00Z"

_WORDING: Final = "I confirm that HIPAA permits this sharing."

_NAMES: Final[Mapping[str, str]] = {
    "anna": "Anna Lindqvist",
    "ben": "Ben Okoye",
    "carla": "Carla Reyes",
    "dan": "Dan Ng",
    "eva": "Éva Nagy",
}


def user(id: str, **said: Any) -> Data:  # noqa: A002  as the data has it
    """Return a user, active, with sharing in their plan, who wants notices."""
    plain = {
        "id": id,
        "name": _NAMES.get(id, id),
        "email": f"{id}@example.org",
        "active": True,
        "sharing_in_plan": True,
        "notices": True,
    }
    return {**plain, **said}


def group(id: str, name: str, *members: str) -> Data:  # noqa: A002
    """Return a group."""
    return {"id": id, "name": name, "members": list(members)}


def exam(id: str, owner: str = "anna", uploaded_at: str = NOW, subject: str | None = "P-1") -> Data:  # noqa: A002
    """Return an exam."""
    return {"id": id, "owner": owner, "uploaded_at": uploaded_at, "subject": subject}


def upload(batch: str, *exams: Data) -> Data:
    """Return an upload."""
    return {"batch": batch, "sealed": False, "exams": list(exams)}


_CD: Final = upload(
    "cd",
    exam("ct", uploaded_at="2030-01-01T11:30:00Z"),
    exam("mr", uploaded_at="2030-01-01T11:20:00Z"),
    exam("xray", uploaded_at="2030-01-01T11:10:00Z"),
)


def portal(
    *acts: Data,
    users: Iterable[Data] = (),
    uploads: Iterable[Data] = (_CD,),
    unseen: Iterable[tuple[str, str]] = (),
    unseen_members: Iterable[tuple[str, str]] = (),
    **policy: Any,
) -> Given:
    """Return a portal of five users and two groups, in which Anna owns a CD with three exams.

    The nurses are Dan and Éva; the clinic is Carla and the nurses.
    """
    everybody = {id_: user(id_) for id_ in _NAMES} | {each["id"]: each for each in users}
    return {
        "now": NOW,
        "policy": policy,
        "users": list(everybody.values()),
        "groups": [
            group("nurses", "Night nurses", "user:dan", "user:eva"),
            group("clinic", "Clinic", "user:carla", "group:nurses"),
        ],
        "uploads": list(uploads),
        "unseen": [list(pair) for pair in unseen],
        "unseen_members": [list(pair) for pair in unseen_members],
        "acts": list(acts),
    }


def case(
    name: str,
    rule: str,
    given: Given | None = None,
    when: Data | None = None,
    outcome: Data | None = None,
    then: Iterable[Answered] = (),
) -> Case:
    """Return a case; its codes are those of its refusals."""
    asked = list(then)
    codes = {each["code"] for each in (outcome or {}).get("refused", ())}
    for each in asked:
        answer = each["answer"]
        if isinstance(answer, dict):
            refusals = [*answer.get("refused", ()), *answer.get("reasons", ())]
            codes |= {refusal["code"] for refusal in refusals}
    return {
        "name": name,
        "rule": rule,
        "codes": sorted(codes),
        "given": portal() if given is None else given,
        "when": when,
        "outcome": outcome,
        "then": asked,
    }


def share(actor: str, exam: str, *recipients: str, **more: Any) -> Data:
    """Return a share, with the attestation given."""
    asked = {"actor": actor, "exam": exam, "recipients": list(recipients), "attested": True}
    return {"act": "share", **asked, **more}


def unshare(actor: str, exam: str, recipient: str, **more: Any) -> Data:
    """Return an unshare: the X button."""
    return {"act": "unshare", "actor": actor, "exam": exam, "recipient": recipient, **more}


def narrow(actor: str, exam: str, recipient: str, **bound: Any) -> Data:
    """Return a narrowing."""
    return {"act": "narrow", "actor": actor, "exam": exam, "recipient": recipient, **bound}


def end_grant(actor: str, exam: str, grantor: str, recipient: str, **more: Any) -> Data:
    """Return the end of one grant, which the portal knows by an id of its own."""
    named = {"exam": exam, "grantor": grantor, "recipient": recipient}
    return {"act": "end_grant", "actor": actor, "grant": named, **more}


def host_ends(recipient: str, exam: str | None = None, **more: Any) -> Data:
    """Return the end of all grants to a principal by the host, on one exam or everywhere."""
    return {"act": "host_ends", "recipient": recipient, "exam": exam, **more}


def withdraw(exam: str) -> Data:
    """Return the withdrawal of an exam by the host."""
    return {"act": "withdraw", "exam": exam}


def clock(now: str) -> Data:
    """Return that the clock comes to tell a time."""
    return {"act": "clock", "now": now}


def reason(code: str, **about: Any) -> Data:
    """Return one reason of a refusal, with what it is about."""
    return {"code": code, **about}


def refused(*reasons: Data | str) -> Data:
    """Return a refusal."""
    return {"refused": [reason(each) if isinstance(each, str) else each for each in reasons]}


def made(
    exam: str,
    recipient: str,
    outcome: str = "GRANTED",
    until: str | None = None,
    limited_by: str = "NOTHING",
) -> Data:
    """Return what a share did for one recipient on one exam."""
    return {
        "exam": exam,
        "recipient": recipient,
        "outcome": outcome,
        "until": until,
        "limited_by": limited_by,
    }


def shared(*outcomes: Data) -> Data:
    """Return the receipt of a share."""
    return {"shared": list(outcomes)}


def repeated(receipt: Data) -> Data:
    """Return the receipt of an act that was done before under its request id."""
    return {**receipt, "repeated": True}


def grant(
    exam: str, grantor: str, recipient: str, permission: str = "VIEW", until: str | None = None
) -> Data:
    """Return a grant."""
    return {
        "exam": exam,
        "grantor": grantor,
        "recipient": recipient,
        "permission": permission,
        "until": until,
    }


def ended(
    *grants: Data,
    replaced_by: Iterable[Data] = (),
    left_standing: Iterable[Data] = (),
    still_have_access: Iterable[str] = (),
) -> Data:
    """Return the receipt of an unshare or a narrowing."""
    return {
        "ended": list(grants),
        "replaced_by": list(replaced_by),
        "left_standing": list(left_standing),
        "still_have_access": list(still_have_access),
    }


def yes(user: str, permission: str, exam: str) -> Answered:
    """Return that the user holds the permission on the exam."""
    return answers(True, "can", user=user, permission=permission, exam=exam)


def no(user: str, permission: str, exam: str) -> Answered:
    """Return that the user does not hold the permission on the exam."""
    return answers(False, "can", user=user, permission=permission, exam=exam)


def answers(answer: Any, question: str, /, **asked: Any) -> Answered:
    """Return a question with its answer."""
    return {"question": {"question": question, **asked}, "answer": answer}


def preview(
    act: Data,
    *,
    reasons: Iterable[Data] = (),
    gains: Iterable[tuple[str, str, str]] = (),
    losses: Iterable[tuple[str, str, str]] = (),
    keeps: Iterable[tuple[str, str, str]] = (),
    **more: Any,
) -> Answered:
    """Return what the preview of an act says: who, on which exam, which permission."""
    effects = {"gains": gains, "losses": losses, "keeps": keeps}
    return answers(
        {
            "reasons": list(reasons),
            **{
                name: [{"principal": who, "exam": on, "permission": what} for who, on, what in each]
                for name, each in effects.items()
            },
            **more,
        },
        "preview",
        act=act,
    )


def form(
    user: str,
    exam: str,
    *exams: str,
    offers_download: bool,
    latest_until: str | None = None,
    **other: Any,
) -> Answered:
    """Return the share form of an exam, which covers some exams of one subject."""
    offered = {
        "has_share_tab": True,
        "offers_download": offers_download,
        "exams": list(exams),
        "subjects": 1,
        "wording": _WORDING,
        "sends_messages": True,
        "latest_until": latest_until,
        **other,
    }
    return answers(offered, "share_form", user=user, exam=exam)


def no_form(user: str, exam: str) -> Answered:
    """Return that the user has no form to share the exam with."""
    return answers({"has_share_tab": False}, "share_form", user=user, exam=exam)


def access_list(user: str, exam: str, *entries: Data) -> Answered:
    """Return the access list of an exam of Anna's, as the user sees it."""
    listed = {"owner": "anna", "entries": list(entries)}
    return answers(listed, "access_list", user=user, exam=exam)


def entry(
    principal: str,
    *grants: tuple[str, str, str | None, bool],
    held: Data | None = None,
    can_unshare: bool,
) -> Data:
    """Return an entry of an access list.

    Args:
        principal: who has access.
        grants: each as grantor, permission, until, can unshare.
        held: for each permission until when it is held; by default view, for good.
        can_unshare: whether the viewer may unshare the principal.
    """
    held = held or {"VIEW": None}
    highest = "DOWNLOAD" if "DOWNLOAD" in held else "VIEW"
    return {
        "principal": principal,
        "permission": highest,
        "until": held[highest],
        "held": held,
        "can_unshare": can_unshare,
        "grants": [
            {"grantor": by, "permission": what, "until": end, "can_unshare": can}
            for by, what, end, can in grants
        ],
    }


def notice(
    to: str,
    actor: str,
    exams: int = 1,
    permission: str = "VIEW",
    until: str | None = None,
    message: str | None = None,
) -> Data:
    """Return a notice."""
    return {
        "to": to,
        "actor": actor,
        "exams": exams,
        "permission": permission,
        "until": until,
        "message": message,
    }
