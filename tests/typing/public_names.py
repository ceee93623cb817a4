"""Read by mypy, never run: the types that users of the package are promised."""

from datetime import UTC, datetime
from threading import Event
from typing import assert_never, assert_type

from exam_sharing import (
    AccessList,
    BatchId,
    Choice,
    Denied,
    ExamId,
    GrantId,
    GroupId,
    Holder,
    ListedNotice,
    NarrowRequest,
    NoticeId,
    Page,
    Permission,
    Permitted,
    Preview,
    PrincipalId,
    Reason,
    Refused,
    RevokeRequest,
    ShareForm,
    ShareReceipt,
    ShareRequest,
    ShownGrant,
    Tab,
    UnshareReceipt,
    UnshareRequest,
    UserId,
    VisibleExam,
    principal_of,
)
from exam_sharing.memory import open_sharing
from exam_sharing.relay import watch

alice, exam = UserId("alice"), ExamId("E1")
share = ShareRequest(actor=alice, exam=exam, recipients=(GroupId("radiology"), UserId("bob")))
unshare = UnshareRequest(actor=alice, exam=exam, recipient=UserId("bob"))
narrow = NarrowRequest(
    actor=alice, exam=exam, recipient=UserId("bob"), until=datetime(2030, 1, 1, tzinfo=UTC)
)
sharing = open_sharing()

assert_type(Permission.VIEW < Permission.DOWNLOAD, bool)
assert_type(str(alice), str)
assert_type(principal_of("u:alice"), PrincipalId)
assert_type(principal_of(alice.key), PrincipalId)
assert_type(sharing.share(share), ShareReceipt)
assert_type(sharing.unshare(unshare), UnshareReceipt)
assert_type(sharing.narrow(narrow), UnshareReceipt)
assert_type(sharing.revoke(RevokeRequest(actor=alice, grant=GrantId("g"))), UnshareReceipt)
assert_type(sharing.unshare(unshare).ended, tuple[ShownGrant, ...])
assert_type(sharing.preview(narrow), Preview)
assert_type(sharing.can(alice, Permission.VIEW, exam), bool)
assert_type(sharing.can_many(alice, Permission.VIEW, [exam]), frozenset[ExamId])
assert_type(sharing.admin.who_can(Permission.VIEW, exam), tuple[Holder, ...])
assert_type(sharing.share_form(alice, exam), ShareForm)
assert_type(sharing.tabs(alice, exam), frozenset[Tab])
assert_type(sharing.access_list(alice, exam), AccessList)
assert_type(sharing.access_list(alice, exam).entries[0].grants[0].grant, ShownGrant)
assert_type(sharing.suggest(alice, exam, "bo"), tuple[Choice, ...])
assert_type(sharing.recipients(alice, exam), Page[Choice])
assert_type(sharing.shared_with(alice), Page[VisibleExam])
assert_type(sharing.admin.deliver_notices(), int)
assert_type(sharing.admin.list_notices(given_up=True), Page[ListedNotice])
assert_type(sharing.admin.requeue_notices([NoticeId("n1")]), int)
assert_type(watch(sharing, stop=Event()), None)
assert_type(sharing.viewer(alice).can(Permission.VIEW, exam), bool)


def read_reasons(refused: Refused) -> tuple[Reason, ...]:
    """Refusals carry typed reasons."""
    return refused.reasons


def explained(answer: Permitted | Denied) -> str:
    """Explanations are a closed union: a match over both cases is exhaustive."""
    match answer:
        case Permitted(grounds=grounds):
            return f"{len(grounds)} grounds"
        case Denied(reasons=reasons):
            return f"{len(reasons)} reasons"
        case other:
            assert_never(other)


explained(sharing.admin.explain(alice, Permission.VIEW, exam))

# A kind of id is not another: what mypy reports here must stay an error.
wanted: ExamId = UserId("E1")  # type: ignore[assignment]
sharing.can("alice", Permission.VIEW, exam)  # type: ignore[arg-type]
sharing.can(GroupId("radiology"), Permission.VIEW, exam)  # type: ignore[arg-type]
sharing.can(alice, 1, exam)  # type: ignore[arg-type]
ShareRequest(actor=alice, exam=BatchId("B1"), recipients=())  # type: ignore[arg-type]
sharing.share(unshare)  # type: ignore[arg-type]
ShareRequest(actor=alice, exam=exam, recipients=("bob",))  # type: ignore[arg-type]
ShareRequest(actor=alice, exam=exam, recipients=(), until="tomorrow")  # type: ignore[arg-type]
