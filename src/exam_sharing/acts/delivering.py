"""Sending notices: after the commit, at least once each, and only those that are still true.

A relay claims a few notices, so that no other relay sends them too, and delivers them one by one.
If it dies, its claims lapse, and another relay sends what it left. It starts no send after half of
the claim has passed.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from exam_sharing.acts.gathering import exams_from, profile_of
from exam_sharing.errors import NotifierFailed
from exam_sharing.events import Claim, ShareNotice, WaitingNotice, notice_now
from exam_sharing.grants import FOREVER
from exam_sharing.identifiers import NoticeId, ShareId
from exam_sharing.policy.retries import Done, GivenUp, Settlement
from exam_sharing.policy.settings import Policy
from exam_sharing.ports import Ports

BATCH: Final = 50
"""How many notices a relay claims at once, and at most leaves behind when it dies."""

MOST: Final = 10_000
"""How many of its own notices a share tries to send itself."""

CLAIM_LASTS: Final = timedelta(minutes=5)
"""After this long a claim that was never settled lapses, and the notice is sent again."""


def deliver_due(
    ports: Ports,
    policy: Policy,
    clock: Callable[[], datetime],
    limit: int = BATCH,
    share: ShareId | None = None,
) -> dict[NoticeId, bool]:
    """Claim notices that are due, of one share or of all, and return which ones were sent.

    The clock is read again for each notice, since sending takes time.
    """
    now = clock()
    lapses = now + min(CLAIM_LASTS, FOREVER - now)
    claims = ports.outbox.claim(now, lapses, limit, share)
    return {claim.notice.id: deliver(ports, policy, claim, clock()) for claim in claims}


def deliver(ports: Ports, policy: Policy, claim: Claim, now: datetime) -> bool:
    """Send a notice that was claimed, and return whether it was sent.

    A notice that failed waits or is given up, as the policy says. One that is no longer true is
    dropped. One that was claimed too long ago is left to the next relay that claims it.
    """
    # A send that starts in time has the other half of the claim to finish.
    if claim.until - now < CLAIM_LASTS / 2:
        return False
    settlement = _tried(ports, policy, claim.notice, now)
    ports.outbox.settle(claim, settlement)
    return settlement is Done.SENT


def _tried(ports: Ports, policy: Policy, waiting: WaitingNotice, now: datetime) -> Settlement:
    try:
        notice = _still_true(ports, policy, waiting, now)
        if notice is None:
            return Done.DROPPED
        ports.notifier.send(notice)
    except NotifierFailed as error:
        problem, permanent = str(error.problem), error.permanent
    except Exception as error:  # noqa: BLE001  whatever a port raises, the notice is not lost
        # The text of an error may quote the notice; the name of its type does not.
        problem, permanent = type(error).__name__, False
    else:
        return Done.SENT
    if permanent:
        return GivenUp(at=now, problem=problem)
    return policy.retries.after(waiting.attempts + 1, problem, now, before=waiting.problem)


def _still_true(
    ports: Ports, policy: Policy, waiting: WaitingNotice, now: datetime
) -> ShareNotice | None:
    if not policy.sends_notices:
        return None
    reader = profile_of(ports, waiting.to)
    grants = ports.grants.grants_of_share(waiting.share, waiting.exam_ids, reader.acting)
    exams = ports.exams.find(tuple(sorted({grant.exam for grant in grants})))
    return notice_now(waiting, reader, exams_from(exams), grants, now)
