"""Comparing a story with its model, for tests that do between the steps what the machine does not.

Whole stories over a store are what `exam_sharing.testing.run_sharing_machine` tells.
"""

import pytest

from exam_sharing import Permission, ReasonCode, Refused, ShareReceipt
from exam_sharing.testing import model
from laws.stories import content, contents


def assert_same_answer(story, actor, got, expected):
    if isinstance(got, Refused):
        assert isinstance(expected, model.Refused), got
        assert_same_refusal(story, got.reasons, expected)
    elif isinstance(got, ShareReceipt):
        assert isinstance(expected, model.Shared), expected
        assert {(o.exam, o.recipient): (o.outcome.value, o.until) for o in got.outcomes} == {
            key: (outcome, until) for key, (outcome, until) in expected.outcomes.items()
        }
        assert_same_notices(story, got, expected)
    else:
        assert isinstance(expected, model.Ended), expected
        grants = story.model.grants
        assert contents(got.ended) == contents(grants[i] for i in expected.told_ended)
        assert contents(got.replacements) == contents(grants[i] for i in expected.told_replacements)
        assert contents(got.left_standing) == contents(grants[i] for i in expected.left_standing)
        known = {
            user
            for user in expected.still_have_access
            if (actor, user) not in story.hidden
            and any(grants[i].grantor != user for i in expected.told_ended)
        }
        assert known <= set(got.still_have_access)


def assert_same_notices(story, receipt, expected):
    sent = [n for n in story.sharing.notifier.sent if str(n.id).startswith(f"{receipt.share}-")]
    assert {n.to: (n.exams, n.permission, n.until, n.message) for n in sent} == {
        user: (len(n.exams), n.permission, n.until, n.message)
        for user, n in expected.notices.items()
    }


PARAMETERS = {
    ReasonCode.RECIPIENT_NOT_FOUND: "principals",
    ReasonCode.RECIPIENT_IS_SELF: "principals",
    ReasonCode.RECIPIENT_IS_OWNER: "principals",
    ReasonCode.REMOVED_BY_OWNER: "principals",
    ReasonCode.DOWNLOAD_NOT_HELD: "exams",
    ReasonCode.EXPIRY_BEYOND_OWN: "exams",
}


def assert_same_refusal(story, reasons, expected):
    assert {reason.code.value for reason in reasons} == (
        set() if expected is None else expected.codes
    )
    for reason in reasons:
        if reason.code in PARAMETERS:
            told = getattr(reason, PARAMETERS[reason.code])
            assert set(told) == set(expected.reasons[reason.code.value])
        if reason.code is ReasonCode.NO_SUCH_GRANT and not reason.grants:
            assert set(reason.principals) == set(expected.reasons["NO_SUCH_GRANT"])
        if reason.code is ReasonCode.HAS_RESHARES:
            by_id = {grant.id: content(grant) for grant in story.every_grant()}
            told = sorted(map(repr, (by_id[grant] for grant in reason.grants)))
            known = expected.reasons["HAS_RESHARES"]
            assert told == sorted(repr(content(story.model.grants[i])) for i in known)
    limited = {r.limited for r in reasons if r.code is ReasonCode.TOO_MANY}
    assert limited == (set() if expected is None else set(expected.reasons.get("TOO_MANY", ())))


def assert_same_lists(story, user):
    visible = [(item.exam, item.permission) for item in story.sharing.visible_to(user).items]
    assert visible == model.visible_to(story.model, user, story.now)
    shared = [(item.exam, item.permission) for item in story.sharing.shared_with(user).items]
    assert shared == model.shared_with(story.model, user, story.now)


def assert_same_views(story, user, exam):
    for permission in Permission:
        assert story.sharing.can(user, permission, exam) == model.holds(
            story.model, user, permission, exam, story.now
        )
    tabs = {tab.value for tab in story.sharing.tabs(user, exam)}
    assert tabs == model.tabs(story.model, user, exam, story.now)
    assert_same_form(story, user, exam)
    assert_same_access_list(story, user, exam)


def assert_same_form(story, user, exam):
    form = story.sharing.share_form(user, exam)
    expected = model.share_form(story.model, user, exam, story.now)
    assert form.has_share_tab == (expected is not None)
    if expected is not None:
        assert form.offers_download == expected.offers_download
        assert set(form.exams) == expected.exams
        assert form.subjects == expected.subjects
        assert form.wording == expected.wording
        assert form.sends_messages == expected.sends_messages
        assert form.latest_until == expected.latest_until


def assert_same_access_list(story, user, exam):
    expected = model.access_list(story.model, user, exam, story.now)
    if isinstance(expected, model.Refused):
        with pytest.raises(Refused) as caught:
            story.sharing.access_list(user, exam)
        assert {reason.code.value for reason in caught.value.reasons} == expected.codes
        return
    shown = story.sharing.access_list(user, exam)
    assert shown.owner == expected.owner
    assert {entry.principal for entry in shown.entries} == set(expected.entries)
    for entry in shown.entries:
        other = expected.entries[entry.principal]
        assert dict(entry.held) == dict(other.until)
        assert entry.can_unshare == other.can_unshare
        assert sorted((repr(content(g.grant)), g.can_unshare) for g in entry.grants) == sorted(
            (repr(content(story.model.grants[i])), can) for i, can in other.grants.items()
        )
