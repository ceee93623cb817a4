"""Read by mypy, never run: the types that users of the package are promised."""

from datetime import UTC, datetime
from threading import Event
from typing import assert_never, assert_type

import exam_sharing as es
from exam_sharing.adapters import sqlalchemy as sql
from exam_sharing.asynchronous import AsyncSharing
from exam_sharing.memory import MemoryDirectory, MemoryNotifier, open_sharing
from exam_sharing.memory.asynchronous import open_async_sharing
from exam_sharing.relay import watch
from exam_sharing.seals import Finding, Seal, Verification

alice, exam = es.UserId("alice"), es.ExamId("E1")
bob, radiology = es.UserId("bob"), es.GroupId("radiology")
share = es.ShareRequest(actor=alice, exam=exam, recipients=(radiology, bob))
unshare = es.UnshareRequest(actor=alice, exam=exam, recipient=bob)
narrow = es.NarrowRequest(
    actor=alice, exam=exam, recipient=bob, until=datetime(2030, 1, 1, tzinfo=UTC)
)
sharing = open_sharing()

assert_type(es.Permission.VIEW < es.Permission.DOWNLOAD, bool)
assert_type(str(alice), str)
assert_type(es.principal_of("u:alice"), es.PrincipalId)
assert_type(es.principal_of(alice.key), es.PrincipalId)
assert_type(sharing.share(share), es.ShareReceipt)
assert_type(sharing.unshare(unshare), es.UnshareReceipt)
assert_type(sharing.narrow(narrow), es.UnshareReceipt)
assert_type(sharing.revoke(es.RevokeRequest(actor=alice, grant=es.GrantId("g"))), es.UnshareReceipt)
assert_type(sharing.unshare(unshare).ended, tuple[es.ShownGrant, ...])
assert_type(sharing.preview(narrow), es.Preview)
assert_type(sharing.can(alice, es.Permission.VIEW, exam), bool)
assert_type(sharing.can_many(alice, es.Permission.VIEW, [exam]), frozenset[es.ExamId])
assert_type(sharing.admin.who_can(es.Permission.VIEW, exam), tuple[es.Holder, ...])
assert_type(sharing.share_form(alice, exam), es.ShareForm)
assert_type(sharing.tabs(alice, exam), frozenset[es.Tab])
assert_type(sharing.access_list(alice, exam), es.AccessList)
assert_type(sharing.access_list(alice, exam).entries[0].grants[0].grant, es.ShownGrant)
assert_type(sharing.accesses(alice, exam), es.Page[es.ShownAccess])
assert_type(sharing.admin.accesses(user=alice), es.Page[es.Access])
assert_type(sharing.graph(alice, exam, preview=unshare), es.SharingGraph)
assert_type(sharing.admin.graph(exam).mermaid(name=str), str)
assert_type(sharing.admin.graph(exam).grants[0].ending, es.Ending | None)
assert_type(sharing.suggest(alice, exam, "bo"), tuple[es.Choice, ...])
assert_type(sharing.recipients(alice, exam), es.Page[es.Choice])
assert_type(sharing.shared_with(alice), es.Page[es.VisibleExam])
assert_type(sharing.admin.deliver_notices(), int)
assert_type(sharing.admin.list_notices(given_up=True), es.Page[es.ListedNotice])
assert_type(sharing.admin.requeue_notices([es.NoticeId("n1")]), int)
assert_type(watch(sharing, stop=Event()), None)
assert_type(Seal.from_json("{}").digest, str)
assert_type(sql.seal(sql.sqlite_engine("sharing.db")), Seal | None)
assert_type(sql.verify(sql.sqlite_engine("sharing.db")), Verification)
assert_type(sql.verify(sql.sqlite_engine("sharing.db")).first, Finding | None)
assert_type(sharing.viewer(alice).can(es.Permission.VIEW, exam), bool)


async def for_an_event_loop(sharing: AsyncSharing) -> None:
    """Awaited, each method has the type of its twin."""
    assert_type(await sharing.share(share), es.ShareReceipt)
    assert_type(await sharing.can(alice, es.Permission.VIEW, exam), bool)
    assert_type(await sharing.shared_with(alice), es.Page[es.VisibleExam])
    assert_type(await sharing.admin.list_notices(), es.Page[es.ListedNotice])
    assert_type(await (await sharing.viewer(alice)).can(es.Permission.VIEW, exam), bool)
    assert_type(await sharing.run(es.Sharing.tabs, alice, exam), frozenset[es.Tab])
    await sharing.run(es.Sharing.tabs, exam, exam)  # type: ignore[arg-type]


class SomeHostFacts:
    """Host facts may be synchronous or not."""

    async def about(self, request: es.ShareRequest, exams: tuple[es.ExamId, ...]) -> int:
        """Return a fact."""
        return len(exams)


class SomeNotifier:
    """So may be a notifier."""

    async def send(self, notice: es.ShareNotice) -> None:
        """Send it."""


open_async_sharing(notifier=SomeNotifier(), host_facts=SomeHostFacts())
open_async_sharing(notifier=MemoryNotifier(), directory=MemoryDirectory())
open_async_sharing(notifier=SomeHostFacts())  # type: ignore[arg-type]


def read_reasons(refused: es.Refused) -> tuple[es.Reason, ...]:
    """Refusals carry typed reasons."""
    return refused.reasons


def explained(answer: es.Permitted | es.Denied) -> str:
    """Explanations are a closed union: a match over both cases is exhaustive."""
    match answer:
        case es.Permitted(grounds=grounds):
            return f"{len(grounds)} grounds"
        case es.Denied(reasons=reasons):
            return f"{len(reasons)} reasons"
        case other:
            assert_never(other)


explained(sharing.admin.explain(alice, es.Permission.VIEW, exam))

# A kind of id is not another: what mypy reports here must stay an error.
wanted: es.ExamId = es.UserId("E1")  # type: ignore[assignment]
sharing.can("alice", es.Permission.VIEW, exam)  # type: ignore[arg-type]
sharing.can(radiology, es.Permission.VIEW, exam)  # type: ignore[arg-type]
sharing.can(alice, 1, exam)  # type: ignore[arg-type]
es.ShareRequest(actor=alice, exam=es.BatchId("B1"), recipients=())  # type: ignore[arg-type]
sharing.share(unshare)  # type: ignore[arg-type]
es.ShareRequest(actor=alice, exam=exam, recipients=("bob",))  # type: ignore[arg-type]
es.ShareRequest(actor=alice, exam=exam, recipients=(), until="tomorrow")  # type: ignore[arg-type]
