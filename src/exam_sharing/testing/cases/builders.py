"""Builders of decision cases: the default portal, acts, outcomes and answers, as plain data.

The default portal is the example world of the testing kit, `ready_world`: the users anna, ben,
carla, dan and eva; the group nurses with dan and eva; the group clinic with carla and the nurses;
and a CD of Anna's with the exams ct, mr and xray.

Where a builder takes a principal, `"ben"` is a user and `"group:nurses"` is a group. Where it takes
an exam, the CT is the default.
"""

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any, Final

from exam_sharing.documents import with_kind
from exam_sharing.policy.settings import Policy
from exam_sharing.testing.cases.plain_data import plain
from exam_sharing.testing.cases.schema import Answered, Case, Data, Given
from exam_sharing.testing.moments import START
from exam_sharing.testing.worlds import EXAMS, GROUPS, USERS

NOW: Final = "2030-01-01T12:00:00Z"
PAST: Final = "2030-01-01T11:59:59Z"
HOUR: Final = "2030-01-01T13:00:00Z"
DAY: Final = "2030-01-02T12:00:00Z"
WEEK: Final = "2030-01-08T12:00:00Z"

_NAMES: Final = {str(user): name for user, name in USERS.items()}
_GROUP_NAMES: Final = {str(group): name for group, (name, _) in GROUPS.items()}


def _principal(named: str) -> str:
    return named if ":" in named else f"user:{named}"


def _principals(named: Iterable[str]) -> list[str]:
    return [_principal(each) for each in named]


def _list(values: Data | Answered | Iterable[Any]) -> list[Any]:
    return [values] if isinstance(values, dict) else list(values)


def user(id: str, **fields: Any) -> Data:  # noqa: A002  as the data has it
    """Return a user, by default active, with sharing in the plan and notices on."""
    return {
        "id": id,
        "name": _NAMES.get(id, id),
        "email": f"{id}@example.org",
        "active": True,
        "sharing_in_plan": True,
        "notices": True,
        **fields,
    }


def _group(id: str, *members: str, name: str | None = None) -> Data:  # noqa: A002
    return {"id": id, "name": name or _GROUP_NAMES[id], "members": _principals(members)}


def exam(id: str, owner: str = "anna", uploaded_at: str = NOW, subject: str | None = "P-1") -> Data:  # noqa: A002
    """Return an exam."""
    return {"id": id, "owner": owner, "uploaded_at": uploaded_at, "subject": subject}


def upload(batch: str, *exams: Data, sealed: bool = False) -> Data:
    """Return an upload."""
    return {"batch": batch, "sealed": sealed, "exams": list(exams)}


def case(
    *,
    given: Data | Iterable[Data] = (),
    when: Data | None = None,
    outcome: Data | None = None,
    then: Answered | Iterable[Answered] = (),
    **portal: Any,
) -> Case:
    """Return a case that starts from the default portal; its topic adds the name and the rule.

    Args:
        given: the acts before.
        when: the act that the case is about.
        outcome: the outcome of that act.
        then: questions with their answers.
        portal: `policy`, `uploads`, `unseen` or `unseen_members` instead of those of the default
            portal; `users` besides its users, or in the place of those with the same id.
    """
    answered = _list(then)
    answers = [outcome, *(each["answer"] for each in answered)]
    reasons = [
        each
        for answer in answers
        if isinstance(answer, dict)
        for each in (*answer.get("refused", ()), *answer.get("reasons", ()))
    ]
    return Case(
        name="",
        rule="",
        codes=sorted({each["code"] for each in reasons}),
        given=_portal(_list(given), **portal),
        when=when,
        outcome=outcome,
        then=answered,
    )


def _portal(
    acts: list[Data],
    *,
    policy: Data | None = None,
    users: Iterable[Data] = (),
    uploads: Iterable[Data] | None = None,
    unseen: Iterable[tuple[str, str]] = (),
    unseen_members: Iterable[tuple[str, str]] = (),
) -> Given:
    everybody = {id_: user(id_) for id_ in _NAMES} | {each["id"]: each for each in users}
    groups = [_group(str(id_), *map(with_kind, members)) for id_, (_, members) in GROUPS.items()]
    cd = upload(
        "cd", *(exam(str(id_), uploaded_at=plain(START - age)) for id_, age in EXAMS.items())
    )
    return {
        "now": NOW,
        "policy": policy or {},
        "users": list(everybody.values()),
        "groups": groups,
        "uploads": [cd] if uploads is None else list(uploads),
        "unseen": [list(pair) for pair in unseen],
        "unseen_members": [list(pair) for pair in unseen_members],
        "acts": acts,
    }


def share(actor: str, *recipients: str, exam: str = "ct", **fields: Any) -> Data:
    """Return a share, by default with the attestation."""
    named = {"actor": actor, "exam": exam, "recipients": _principals(recipients)}
    return {"act": "share", **named, "attested": True, **fields}


def share_download(actor: str, *recipients: str, **fields: Any) -> Data:
    """Return a share that allows download."""
    return share(actor, *recipients, permission="DOWNLOAD", **fields)


def passed_on(*users: str, **fields: Any) -> list[Data]:
    """Return shares from each user to the next one."""
    return [share(actor, recipient, **fields) for actor, recipient in pairwise(users)]


def unshare(actor: str, recipient: str, exam: str = "ct", **fields: Any) -> Data:
    """Return an unshare: the X button."""
    named = {"actor": actor, "exam": exam, "recipient": _principal(recipient)}
    return {"act": "unshare", **named, **fields}


def narrow(actor: str, recipient: str, exam: str = "ct", **bound: Any) -> Data:
    """Return a narrowing."""
    return {**unshare(actor, recipient, exam), "act": "narrow", **bound}


def end_grant(actor: str, grantor: str, recipient: str, exam: str = "ct", **fields: Any) -> Data:
    """Return the end of one grant, which the portal looks up for the id."""
    named = {"exam": exam, "grantor": grantor, "recipient": _principal(recipient)}
    return {"act": "end_grant", "actor": actor, "grant": named, **fields}


def host_ends(recipient: str, exam: str | None = None, **fields: Any) -> Data:
    """Return the end of all grants to a principal by the host, on one exam or everywhere."""
    return {"act": "host_ends", "recipient": _principal(recipient), "exam": exam, **fields}


def withdraw(exam: str) -> Data:
    """Return the withdrawal of an exam by the host."""
    return {"act": "withdraw", "exam": exam}


def clock(now: str) -> Data:
    """Return a new time of the clock."""
    return {"act": "clock", "now": now}


def set_user(id: str, **fields: Any) -> Data:  # noqa: A002
    """Return a change of a user, or a new one."""
    return {"act": "user", **user(id, **fields)}


def set_group(id: str, *members: str, name: str | None = None) -> Data:  # noqa: A002
    """Return a change of a group, or a new one, which needs a name."""
    return {"act": "group", **_group(id, *members, name=name)}


def add_upload(batch: str, *exams: Data) -> Data:
    """Return an upload of exams to a batch."""
    return {"act": "upload", **upload(batch, *exams)}


def reason(code: str, **parameters: Any) -> Data:
    """Return a reason of a refusal with its parameters."""
    if "principals" in parameters:
        parameters["principals"] = _principals(parameters["principals"])
    return {"code": code, **parameters}


def refused(*reasons: Data | str) -> Data:
    """Return a refusal; a code alone is a reason without parameters."""
    return {"refused": [reason(each) if isinstance(each, str) else each for each in reasons]}


def not_found(exam: str = "ct") -> Data:
    """Return the refusal that there is no such exam."""
    return refused(reason("EXAM_NOT_FOUND", exams=[exam]))


def error(name: str) -> Data:
    """Return an error of input or of the caller."""
    return {"error": name}


def made(recipient: str, outcome: str = "GRANTED", exam: str = "ct", **fields: Any) -> Data:
    """Return the outcome of a share for one recipient on one exam, by default for good."""
    named = {"exam": exam, "recipient": _principal(recipient)}
    return {**named, "outcome": outcome, "until": None, "limited_by": "NOTHING", **fields}


def shared(*outcomes: Data) -> Data:
    """Return the receipt of a share."""
    return {"shared": list(outcomes)}


def repeated(receipt: Data) -> Data:
    """Return the receipt of a repeat."""
    return {**receipt, "repeated": True}


def grant(
    grantor: str,
    recipient: str,
    permission: str = "VIEW",
    until: str | None = None,
    exam: str = "ct",
) -> Data:
    """Return a grant."""
    named = {"exam": exam, "grantor": grantor, "recipient": _principal(recipient)}
    return {**named, "permission": permission, "until": until}


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
        "still_have_access": _principals(still_have_access),
    }


def _answered(answer: Any, question: str, **fields: Any) -> Answered:
    return {"question": {"question": question, **fields}, "answer": answer}


def can(user: str, permission: str, exam: str = "ct") -> Answered:
    """Return that a check answers yes."""
    return _answered(True, "can", user=user, permission=permission, exam=exam)


def cannot(user: str, permission: str, exam: str = "ct") -> Answered:
    """Return that a check answers no."""
    return _answered(False, "can", user=user, permission=permission, exam=exam)


def explained(user: str, permission: str, *grants: Data, as_owner: bool = False) -> Answered:
    """Return the explanation of a yes: each grant with its `through`."""
    why = {"holds": True, "as_owner": as_owner, "grants": list(grants)}
    return _answered(why, "explain", user=user, permission=permission, exam="ct")


def denied(
    user: str, permission: str, code: str, *nearest: tuple[str, Data | None], exam: str = "ct"
) -> Answered:
    """Return the explanation of a no: what is nearest, each as why not and the grant."""
    misses = [{"why_not": why_not, "grant": grant} for why_not, grant in nearest]
    why = {"holds": False, "codes": [code], "nearest": misses}
    return _answered(why, "explain", user=user, permission=permission, exam=exam)


def preview(
    act: Data,
    *,
    reasons: Iterable[Data | str] = (),
    gains: Iterable[tuple[str, ...]] = (),
    losses: Iterable[tuple[str, ...]] = (),
    keeps: Iterable[tuple[str, ...]] = (),
    **fields: Any,
) -> Answered:
    """Return the preview of an act; an effect is a principal, a permission, and maybe an exam."""
    effects = {
        "reasons": refused(*reasons)["refused"],
        "gains": [_effect(*each) for each in gains],
        "losses": [_effect(*each) for each in losses],
        "keeps": [_effect(*each) for each in keeps],
    }
    return _answered({**effects, **fields}, "preview", act=act)


def _effect(principal: str, permission: str, exam: str = "ct") -> Data:
    return {"principal": _principal(principal), "exam": exam, "permission": permission}


def preview_error(act: Data, name: str) -> Answered:
    """Return that the preview of an act is an error."""
    return _answered(error(name), "preview", act=act)


def tabs(user: str, *tabs: str, exam: str = "ct") -> Answered:
    """Return the tabs of an exam."""
    return _answered(list(tabs), "tabs", user=user, exam=exam)


def form(user: str, *exams: str, download: bool = False, **fields: Any) -> Answered:
    """Return the share form of the first exam, which covers all of them, by default one subject."""
    offered = {
        "has_share_tab": True,
        "offers_download": download,
        "exams": list(exams),
        "subjects": 1,
        "wording": Policy().attestation_wording,
        "sends_messages": True,
        "latest_until": None,
        **fields,
    }
    return _answered(offered, "share_form", user=user, exam=exams[0])


def no_form(user: str, exam: str = "ct") -> Answered:
    """Return that there is no share form."""
    return _answered({"has_share_tab": False}, "share_form", user=user, exam=exam)


def access_list(user: str, *entries: Data, exam: str = "ct", owner: str = "anna") -> Answered:
    """Return the access list of an exam."""
    listed = {"owner": owner, "entries": list(entries)}
    return _answered(listed, "access_list", user=user, exam=exam)


def no_access_list(user: str, exam: str = "ct") -> Answered:
    """Return that there is no such exam to list the access of."""
    return _answered(not_found(exam), "access_list", user=user, exam=exam)


def entry(principal: str, *grants: Data, held: Data | None = None) -> Data:
    """Return an entry of an access list, by default with view for good.

    Args:
        principal: who has access.
        grants: as `given_by` returns them. If one has an X, so has the entry.
        held: for each permission until when it is held.
    """
    held = held or {"VIEW": None}
    highest = "DOWNLOAD" if "DOWNLOAD" in held else "VIEW"
    return {
        "principal": _principal(principal),
        "permission": highest,
        "until": held[highest],
        "held": held,
        "can_unshare": any(each["can_unshare"] for each in grants),
        "grants": list(grants),
    }


def given_by(grantor: str, **fields: Any) -> Data:
    """Return a grant of an entry of an access list, by default view for good with an X."""
    plain = {"permission": "VIEW", "until": None, "can_unshare": True}
    return {"grantor": grantor, **plain, **fields}


def suggestions(user: str, text: str, *principals: str, exam: str = "ct") -> Answered:
    """Return the suggestions for a text."""
    return _answered(_principals(principals), "suggestions", user=user, exam=exam, text=text)


def choices(user: str, *principals: str, exam: str = "ct") -> Answered:
    """Return the principals that can be selected from the list."""
    return _answered(_principals(principals), "choices", user=user, exam=exam)


def suggestions_held(user: str, text: str, held: Mapping[str, Data]) -> Answered:
    """Return the suggestions for a text, each with what it holds on the CT."""
    return _answered(_held(held), "suggestions_held", user=user, exam="ct", text=text)


def choices_held(user: str, held: Mapping[str, Data]) -> Answered:
    """Return the principals that can be selected, each with what it holds on the CT."""
    return _answered(_held(held), "choices_held", user=user, exam="ct")


def _held(held: Mapping[str, Data]) -> list[Data]:
    return [{"principal": _principal(named), "held": each} for named, each in held.items()]


def shared_with(user: str, *exams: tuple[str, str]) -> Answered:
    """Return the exams of others that a user can see, each with a permission."""
    return _answered(_exams(exams), "shared_with", user=user)


def visible_to(user: str, *exams: tuple[str, str]) -> Answered:
    """Return all exams that a user can see, each with a permission."""
    return _answered(_exams(exams), "visible_to", user=user)


def _exams(exams: Iterable[tuple[str, str]]) -> list[Data]:
    return [{"exam": exam, "permission": permission} for exam, permission in exams]


def notices(*notices: Data) -> Answered:
    """Return all notices that were sent."""
    return _answered(list(notices), "notices")


def notice(to: str, **fields: Any) -> Data:
    """Return a notice, by default from Anna, of one exam to view for good, without a message."""
    plain = {"actor": "anna", "exams": 1, "permission": "VIEW", "until": None, "message": None}
    return {"to": to, **plain, **fields}


def nothing_shown(user: str, exam: str = "ct") -> list[Answered]:
    """Return that every question about an exam is answered as for one that does not exist."""
    return [
        cannot(user, "VIEW", exam),
        cannot(user, "DOWNLOAD", exam),
        tabs(user, exam=exam),
        no_form(user, exam),
        no_access_list(user, exam),
        suggestions(user, "car", exam=exam),
        choices(user, exam=exam),
        denied(user, "VIEW", "EXAM_NOT_FOUND", exam=exam),
    ]


def nothing_previewed(user: str, exam: str = "ct") -> list[Answered]:
    """Return that every preview about an exam reports that there is no such exam."""
    acts = (
        share(user, "dan", "nobody", exam=exam, attested=False),
        unshare(user, "carla", exam),
        narrow(user, "carla", exam, permission="VIEW"),
    )
    return [preview(act, reasons=not_found(exam)["refused"]) for act in acts]
