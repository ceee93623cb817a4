"""Sending notices: after the commit, at least once each, and never one that is no longer true."""

from datetime import datetime
from typing import Final

from exam_sharing.acts.questions import (
    Act,
    ClaimNotices,
    FindExams,
    Profiles,
    ReadGrants,
    SendNotice,
    SettleNotice,
    ask,
)
from exam_sharing.events import ShareNotice, WaitingNotice, notice_now
from exam_sharing.identifiers import ShareId
from exam_sharing.policy.facts import ExamFacts
from exam_sharing.policy.settings import Policy

__all__ = ["deliver"]

BATCH: Final = 10_000
"""How many notices are claimed at once."""


def deliver(policy: Policy, now: datetime, share: ShareId | None) -> Act[int]:
    """Send what waits, each notice once, and return how many were sent.

    What cannot be sent waits for the next time. What is no longer true is dropped.

    Args:
        policy: the deployment's settings.
        now: aware, in UTC.
        share: the notices of this share alone; `None` for all.
    """
    sent = 0
    for waiting in (yield from ask(ClaimNotices(now, BATCH, share))):
        try:
            notice = yield from _still_true(policy, waiting, now)
            if notice is not None:
                yield from ask(SendNotice(notice))
        except Exception:  # noqa: BLE001  whatever a port raises, the notice is tried again
            yield from ask(SettleNotice(waiting.id, done=False))
        else:
            yield from ask(SettleNotice(waiting.id, done=True))
            sent += notice is not None
    return sent


def _still_true(policy: Policy, waiting: WaitingNotice, now: datetime) -> Act[ShareNotice | None]:
    if not policy.sends_notices:
        return None
    profiles = yield from ask(Profiles((waiting.to,)))
    exams = yield from ask(FindExams(waiting.exams))
    sharing = yield from ask(ReadGrants(tuple(sorted(exam.id for exam in exams))))
    facts = tuple(
        ExamFacts(exam=exam, sharing=sharing[exam.id])
        for exam in exams
        if not sharing[exam.id].withdrawn
    )
    return notice_now(waiting, profiles[waiting.to], facts, now)
