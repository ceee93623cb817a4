"""Builders of decision cases: the default portal, uploads, and acts of the host, as plain data.

The default portal is the example world of the testing kit, `ready_world`: the users anna, ben,
carla, dan and eva; the group nurses with dan and eva; the group clinic with carla and the nurses;
and a CD of Anna's with the exams ct, mr and xray.
"""

from collections.abc import Iterable
from typing import Any, Final, TypeAlias

from exam_sharing.documents import with_kind
from exam_sharing.errors import InvalidArgument
from exam_sharing.testing.cases.people import NOW, OWNER, Act, Done, Group, Principal, User
from exam_sharing.testing.cases.portals import in_order
from exam_sharing.testing.cases.schema import Answered, Case, Data, Given
from exam_sharing.testing.edges import START
from exam_sharing.testing.worlds import EXAMS, GROUPS, USERS

Step: TypeAlias = Act | Done | Answered

MAY_NOT_ACT: Final = "which refusal a user gets who may not act"
"""A choice: the specification says only that an unknown or inactive user may not act."""


def case(*told: Step | Iterable[Step], choice: str | None = None, **portal: Any) -> Case:
    """Return a case that starts from the default portal; its topic adds the name and the rule.

    Args:
        told: the acts before; then the act that the case is about, with its outcome; then questions
            with their answers. Steps of one kind may stand in a list.
        choice: what the specification leaves open in the outcome.
        portal: `uploads`, `unseen` or `unseen_members` instead of those of the default portal;
            `users` besides its users, or in the place of those with the same id; and settings.
    """
    steps: list[Any] = []
    for each in told:
        steps += each if isinstance(each, list) else [each]
    acts = [each for each in steps if isinstance(each, Act)]
    done = [each for each in steps if isinstance(each, tuple)]
    answered = steps[len(acts) + len(done) :]
    if steps != [*acts, *done[:1], *answered]:
        raise InvalidArgument("told", "must be acts, then one outcome at most, then answers")
    act, outcome = done[0] if done else (None, None)
    answers = [outcome, *(each["answer"] for each in answered)]
    refusals = [each for each in answers if isinstance(each, dict)]
    reasons = [
        one for each in refusals for key in ("refused", "reasons") for one in each.get(key, ())
    ]
    made = Case(
        name="",
        rule="",
        codes=sorted({each["code"] for each in reasons}),
        given=_portal(acts, **portal),
        when=act,
        outcome=outcome,
        then=answered,
    )
    if choice is not None:
        made["choice"] = choice
    return made


def _portal(
    acts: list[Act],
    *,
    users: Iterable[Data] = (),
    uploads: Iterable[Data] | None = None,
    unseen: Iterable[tuple[User, Principal]] = (),
    unseen_members: Iterable[tuple[User, Group]] = (),
    **policy: Any,
) -> Given:
    ours = [User(id_).fields() for id_ in USERS]
    everybody = {each["id"]: each for each in (*ours, *users)}
    groups = [Group(id_).fields(*map(with_kind, members)) for id_, (_, members) in GROUPS.items()]
    cd = upload(
        "cd",
        *(
            exam(str(id_), uploaded_at=f"{START - age:%Y-%m-%dT%H:%M:%SZ}")
            for id_, age in EXAMS.items()
        ),
    )
    return {
        "now": NOW,
        "policy": policy,
        "users": list(everybody.values()),
        "groups": groups,
        "uploads": [cd] if uploads is None else list(uploads),
        "unseen": [[actor.id, principal] for actor, principal in unseen],
        "unseen_members": [[actor.id, group] for actor, group in unseen_members],
        "acts": list(acts),
    }


def exam(
    id: str,  # noqa: A002  as the data has it
    owner: User = OWNER,
    uploaded_at: str = NOW,
    subject: str | None = "P-1",
) -> Data:
    return {"id": id, "owner": owner.id, "uploaded_at": uploaded_at, "subject": subject}


def upload(batch: str, *exams: Data, sealed: bool = False) -> Data:
    return {"batch": batch, "sealed": sealed, "exams": list(exams)}


def add_upload(batch: str, *exams: Data) -> Act:
    return Act(act="upload", **upload(batch, *exams))


def host_ends(recipient: Principal, exam: str | None = None, **fields: Any) -> Act:
    """Return the end of all grants to a principal by the host, on one exam or everywhere."""
    return Act(act="host_ends", recipient=recipient, exam=exam, **fields)


def withdraw(exam: str) -> Act:
    return Act(act="withdraw", exam=exam)


def clock(now: str) -> Act:
    return Act(act="clock", now=now)


def access_at(at: str, *holders: Data) -> Answered:
    """Return who could see the CT at a time, besides its owner Anna."""
    could = in_order((OWNER.holder("DOWNLOAD", as_owner=True), *holders))
    question = {"question": "access_at", "exam": "ct", "at": at}
    return {"question": question, "answer": {"owner": OWNER.id, "holders": could}}


def left_open(choice: str, *answers: Answered) -> list[Answered]:
    """Return answers in which the specification leaves something open."""
    return [{**each, "choice": choice} for each in answers]


def notices(*notices: Data) -> Answered:
    return {"question": {"question": "notices"}, "answer": in_order(notices)}
