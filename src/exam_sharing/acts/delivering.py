"""Sending notices: after the commit, at least once each, and never one that is no longer true.

A relay claims a few notices, so that no other sends them too, and delivers them one by one. If it
dies, its claims lapse, and another relay sends what it left. If it is slow, it leaves the rest of
what it claimed alone in time: what it has not begun by the middle of a claim, it does not begin.
"""

from datetime import datetime, timedelta
from typing import Final

from exam_sharing.acts.questions import (
    Act,
    ClaimNotices,
    FindExams,
    GrantsOfShare,
    Profiles,
    SendNotice,
    SettleNotice,
    ask,
)
from exam_sharing.errors import NotifierFailed
from exam_sharing.events import Claim, ShareNotice, WaitingNotice, notice_now
from exam_sharing.grants import FOREVER
from exam_sharing.identifiers import ShareId
from exam_sharing.policy.retries import Done, GivenUp, Settlement
from exam_sharing.policy.settings import Policy

__all__ = ["BATCH", "CLAIM_LASTS", "MOST", "claim_notices", "deliver"]

BATCH: Final = 50
"""How many notices a relay claims at once, and at most leaves behind when it dies."""

MOST: Final = 10_000
"""How many of its own notices a share tries to send itself."""

CLAIM_LASTS: Final = timedelta(minutes=5)
"""After this long a claim that was never settled lapses, and the notice is sent again."""


def claim_notices(
    now: datetime, limit: int = BATCH, share: ShareId | None = None
) -> Act[tuple[Claim, ...]]:
    """Claim notices that are due, to be given to `deliver` one by one.

    Args:
        now: aware, in UTC.
        limit: how many at most.
        share: the notices of this share alone; `None` for all.
    """
    return (yield from ask(ClaimNotices(now, now + min(CLAIM_LASTS, FOREVER - now), limit, share)))


def deliver(policy: Policy, claim: Claim, now: datetime) -> Act[bool]:
    """Send a notice that was claimed, and return whether it was sent.

    What cannot be sent waits or is given up, as the policy says. What is no longer true is dropped.
    What was claimed too long ago is left for whoever claims it next.

    Args:
        policy: the deployment's settings.
        claim: the notice.
        now: aware, in UTC; taken anew for each notice, since sending takes time.
    """
    # Whoever begins in time has the other half of the claim to come to an end.
    if claim.until - now < CLAIM_LASTS / 2:
        return False
    settlement = yield from _tried(policy, claim.notice, now)
    yield from ask(SettleNotice(claim, settlement))
    return settlement is Done.SENT


def _tried(policy: Policy, waiting: WaitingNotice, now: datetime) -> Act[Settlement]:
    try:
        notice = yield from _still_true(policy, waiting, now)
        if notice is None:
            return Done.DROPPED
        yield from ask(SendNotice(notice))
    except NotifierFailed as error:
        problem, permanent = str(error.problem), error.permanent
    except Exception as error:  # noqa: BLE001  whatever a port raises, the notice is not lost
        # What an error says may quote the notice; what it is called does not.
        problem, permanent = type(error).__name__, False
    else:
        return Done.SENT
    if permanent:
        return GivenUp(at=now, problem=problem)
    return policy.retries.after(waiting.attempts + 1, problem, now, before=waiting.problem)


def _still_true(policy: Policy, waiting: WaitingNotice, now: datetime) -> Act[ShareNotice | None]:
    if not policy.sends_notices:
        return None
    profiles = yield from ask(Profiles((waiting.to,)))
    reader = profiles[waiting.to]
    asked = GrantsOfShare(waiting.share, waiting.exams, reader.acting)
    grants = yield from ask(asked)
    exams = yield from ask(FindExams(tuple(sorted({grant.exam for grant in grants}))))
    return notice_now(waiting, reader, exams, grants, now)
