"""Every call of `Sharing`, on a portal in which each has something to do.

Those who must look at all of them take them from here, so that a new call is looked at everywhere.
"""

from collections.abc import Callable
from typing import Any, Final

import exam_sharing as es
from exam_sharing.memory import memory_ports
from exam_sharing.ports import NoHostFacts, Ports
from exam_sharing.testing.worlds import ANNA, BEN, CARLA, CD, CLINIC, CT, DAN, EVA, MR, NURSES, XRAY
from where_kept import store_with
from world import (
    DAY,
    DOWNLOAD,
    NO_EXAM,
    START,
    VIEW,
    WEEK,
    FailingNotifier,
    World,
    grant_id,
    share_request,
)

BEN_FROM_ANNA: Final = grant_id("act1", CT, BEN)
"""The grant with which Ben came to the CT."""


def portal() -> World:
    """Return a portal with shares, re-shares, a circle, an ended grant and waiting notices."""
    never = es.HostRule(code="never", statement="It is never so.", refuses=lambda *_: False)
    return World(host_rules=(never,), store=store_with(_what_has_been_shared), first_act=10)


def _what_has_been_shared(store: Any) -> None:
    world = World(notifier=FailingNotifier(), store=store)
    world.share(ANNA, CT, BEN, permission=DOWNLOAD, until=START + WEEK)
    world.share(ANNA, CT, CLINIC, scope=es.Scope.BATCH, message="please look")
    world.share(BEN, CT, DAN, permission=DOWNLOAD)
    world.share(DAN, CT, EVA, NURSES, permission=DOWNLOAD)
    world.share(CARLA, CT, BEN)
    world.share(BEN, CT, CARLA)
    world.share(ANNA, MR, DAN, until=START + DAY)
    world.share(ANNA, XRAY, BEN)
    world.unshare(ANNA, XRAY, BEN)


def ports_of(world: World) -> Ports:
    return memory_ports(
        store=world.store,
        directory=world.directory,
        notifier=world.notifier,
        host_facts=NoHostFacts(),
    )


def sharing_over(ports: Ports, world: World, act: str = "now", *, sends: bool = True) -> es.Sharing:
    """Return a shell over the ports whose acts have the one id; enough for one act."""
    return es.Sharing(
        policy=world.policy, ports=ports, clock=world.clock, new_id=lambda: act, sends_at_once=sends
    )


def answer_of(call: Callable[[es.Sharing], Any], sharing: es.Sharing) -> Any:
    """Return what the call returns, or the reasons for which it is refused."""
    try:
        return call(sharing)
    except es.Refused as refused:
        return ("refused", refused.reasons)


_BATCH = share_request(
    ANNA,
    CT,
    CLINIC,
    BEN,
    DAN,
    permission=DOWNLOAD,
    scope=es.Scope.BATCH,
    message="all three of them",
    request_id="once",
)


def _unshare(recipient=BEN, exam=CT, **more):
    return es.UnshareRequest(**{"actor": ANNA, "exam": exam, "recipient": recipient, **more})


def _narrow(**more):
    return es.NarrowRequest(actor=ANNA, exam=CT, recipient=BEN, permission=VIEW, **more)


def _upload(sharing: es.Sharing) -> None:
    exams = [es.Exam(id=es.ExamId(name), owner=ANNA, batch=CD, uploaded_at=START) for name in "12"]
    sharing.add_upload(es.UploadBatch(id=CD, uploader=ANNA, received_at=START), exams)


WITH_REQUEST_ID: Final[dict[str, Callable[[es.Sharing], Any]]] = {
    "share a batch": lambda s: s.share(_BATCH),
    "share again": lambda s: s.share(
        share_request(DAN, CT, EVA, permission=DOWNLOAD, request_id="x")
    ),
    "unshare, keep": lambda s: s.unshare(_unshare(request_id="x")),
    "unshare, cascade": lambda s: s.unshare(_unshare(reshares=es.Reshares.CASCADE, request_id="x")),
    "unshare, restrict": lambda s: s.unshare(
        _unshare(DAN, MR, reshares=es.Reshares.RESTRICT, request_id="x")
    ),
    "narrow": lambda s: s.narrow(_narrow(reshares=es.Reshares.CASCADE, request_id="x")),
}
"""The acts that can be told from a repetition."""

DELIVERIES: Final[dict[str, Callable[[es.Sharing], Any]]] = {
    "deliver notices": lambda s: s.admin.deliver_notices()
}
"""What is done notice by notice, and not as a whole."""

OTHER_ACTS: Final[dict[str, Callable[[es.Sharing], Any]]] = {
    "share": lambda s: s.share(share_request(ANNA, XRAY, BEN, message="once more")),
    "pass on": lambda s: s.share(share_request(BEN, CT, NURSES)),
    "share, refused": lambda s: s.share(share_request(DAN, MR, DAN, ANNA, permission=DOWNLOAD)),
    "share what is not there": lambda s: s.share(share_request(ANNA, NO_EXAM, BEN)),
    "unshare, refused": lambda s: s.unshare(_unshare(reshares=es.Reshares.RESTRICT)),
    "unshare from oneself": lambda s: s.unshare(
        es.UnshareRequest(actor=BEN, exam=CT, recipient=BEN)
    ),
    "revoke": lambda s: s.revoke(
        es.RevokeRequest(actor=BEN, grant=BEN_FROM_ANNA, reshares=es.Reshares.CASCADE)
    ),
    "revoke, refused": lambda s: s.revoke(es.RevokeRequest(actor=EVA, grant=BEN_FROM_ANNA)),
    "end by host": lambda s: s.admin.end_by_host(
        recipient=BEN, exam=CT, reshares=es.Reshares.CASCADE, performed_by="root", why="left us"
    ),
    "end by host, everywhere": lambda s: s.admin.end_by_host(
        recipient=CLINIC, performed_by="root", why="closed"
    ),
    "end by host, refused": lambda s: s.admin.end_by_host(
        recipient=BEN, reshares=es.Reshares.RESTRICT, performed_by="root", why="left us"
    ),
    "withdraw": lambda s: s.admin.withdraw(CT, performed_by="root", why="wrong patient"),
    "withdraw what is not there": lambda s: s.admin.withdraw(
        NO_EXAM, performed_by="root", why="gone"
    ),
    "add an upload": _upload,
    "requeue notices": lambda s: s.admin.requeue_notices(),
}
"""The acts that cannot."""

READS: Final[dict[str, Callable[[es.Sharing], Any]]] = {
    "preview a share": lambda s: s.preview(_BATCH),
    "preview an unshare": lambda s: s.preview(_unshare(reshares=es.Reshares.CASCADE)),
    "preview a narrowing": lambda s: s.preview(_narrow(until=START + DAY)),
    "preview a refusal": lambda s: s.preview(_unshare(EVA, MR)),
    "suggest": lambda s: s.suggest(ANNA, CT, "ben"),
    "recipients": lambda s: s.recipients(ANNA, CT, limit=2),
    "access list": lambda s: s.access_list(ANNA, CT),
    "access list, refused": lambda s: s.access_list(ANNA, NO_EXAM),
    "who looked": lambda s: s.accesses(ANNA, CT),
    "who looked, refused": lambda s: s.accesses(BEN, CT),
    "accesses": lambda s: s.admin.accesses(exams=[CT], user=BEN),
    "graph": lambda s: s.graph(BEN, CT, preview=_unshare(DAN, actor=BEN)),
    "graph, refused": lambda s: s.graph(ANNA, NO_EXAM),
    "whole graph": lambda s: s.admin.graph(CT, preview=_unshare(reshares=es.Reshares.CASCADE)),
    "whole graph, no such exam": lambda s: s.admin.graph(NO_EXAM),
    "share form": lambda s: s.share_form(BEN, CT),
    "share page": lambda s: s.share_page(BEN, CT),
    "share page, refused": lambda s: s.share_page(ANNA, NO_EXAM),
    "tabs": lambda s: s.tabs(EVA, CT),
    "explain a yes": lambda s: s.admin.explain(EVA, DOWNLOAD, CT),
    "explain a no": lambda s: s.admin.explain(EVA, DOWNLOAD, MR),
    "who can": lambda s: s.admin.who_can(DOWNLOAD, CT),
    "who can, no such exam": lambda s: s.admin.who_can(DOWNLOAD, NO_EXAM),
    "can": lambda s: s.can(EVA, DOWNLOAD, CT),
    "cannot": lambda s: s.can(EVA, DOWNLOAD, MR),
    "can many": lambda s: s.can_many(CARLA, VIEW, (CT, MR, XRAY, NO_EXAM)),
    "shared with": lambda s: s.shared_with(DAN, limit=1),
    "visible to": lambda s: s.visible_to(DAN),
    "list notices": lambda s: s.admin.list_notices(limit=2),
}
"""Everything that changes nothing."""

ACTS: Final = WITH_REQUEST_ID | OTHER_ACTS
CALLS: Final = ACTS | DELIVERIES | READS
