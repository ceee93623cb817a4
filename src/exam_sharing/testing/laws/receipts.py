"""What a store promises of receipts and request ids: `GrantReader.receipt`, and `commit`."""

from collections.abc import Callable
from typing import Final

from exam_sharing.grants import OWNER, Basis, Grant, ShownGrant
from exam_sharing.identifiers import ExamId, GrantId, GroupId, ShareId, UserId
from exam_sharing.policy.plans import (
    Outcome,
    ShareOutcome,
    ShareReceipt,
    UnshareReceipt,
    UntilLimit,
)
from exam_sharing.ports import Receipt, StoredReceipt
from exam_sharing.testing.laws.amending import amended
from exam_sharing.testing.laws.bench import (
    ACTED,
    ANNA,
    BEN,
    CARLA,
    DOWNLOAD,
    Bench,
    StoreTrial,
    benched,
)
from exam_sharing.testing.laws.law import same
from exam_sharing.testing.moments import EDGES, START, TICK
from exam_sharing.testing.texts import HOSTILE

__all__ = ["RECEIPT_LAWS"]

_WARD: Final = GroupId("ward")
_SHOWN: Final = GrantId("shown")
_HIDDEN: Final = GrantId("hidden")


def _receipts(exam: ExamId, grants: tuple[Grant, ...]) -> tuple[Receipt, ...]:
    outcomes = tuple(
        ShareOutcome(exam=exam, recipient=recipient, outcome=outcome, until=until, limited_by=limit)
        for recipient, outcome, until, limit in (
            (BEN, Outcome.GRANTED, START + TICK, UntilLimit.ASKED),
            (_WARD, Outcome.UNCHANGED, None, UntilLimit.NOTHING),
            (CARLA, Outcome.WIDENED, EDGES[-1], UntilLimit.POLICY),
            (GroupId("ben"), Outcome.EXTENDED, EDGES[0], UntilLimit.OWN_HOLD),
            (ANNA, Outcome.OWNS_IT, None, UntilLimit.NOTHING),
        )
    )
    # Of one basis a part is shown, and of one nothing.
    bases: tuple[Basis, ...] = (OWNER, frozenset({_SHOWN}), frozenset())
    shown = tuple(ShownGrant.of(each, basis) for each, basis in zip(grants, bases, strict=True))
    return (
        ShareReceipt(share=ShareId("s"), at=START + TICK, outcomes=outcomes),
        UnshareReceipt(
            at=ACTED,
            ended=(*shown[1:], shown[0]),
            replacements=shown[::-1],
            left_standing=(*shown[-1:], *shown[:-1]),
            still_have_access=(CARLA, _WARD, BEN),
        ),
        UnshareReceipt(at=START),
    )


@benched
def a_receipt_is_returned_as_it_was_given(bench: Bench) -> None:
    """With the same request id and actor, the first receipt is returned: SPEC 2."""
    (exam,) = bench.upload("exam")
    grants = bench.share(
        bench.grant(exam, BEN, until=START + TICK),
        bench.grant(exam, _WARD, DOWNLOAD, basis=frozenset({_SHOWN, _HIDDEN})),
        bench.grant(exam, CARLA, basis=frozenset({_HIDDEN})),
    )
    asked = bench.ports.grants.receipt
    kept: list[StoredReceipt] = []
    for number, receipt in enumerate(_receipts(exam, grants)):
        for actor in (ANNA, BEN):
            stored = StoredReceipt(
                actor=actor,
                request_id=f"request {number}",
                fingerprint=f"Digest {number}",
                receipt=receipt,
            )
            same("before the act", asked(actor, stored.request_id), None)
            kept.append(stored)
            grant = bench.grant(exam, CARLA, grantor=UserId(f"grantor {len(kept)}"))
            bench.write(bench.sharing(grant, receipt=stored))
    for stored in kept:
        same("the receipt", asked(stored.actor, stored.request_id), stored)
    same("of somebody else", asked(CARLA, "request 0"), None)
    same("of another id", asked(ANNA, "request"), None)


@benched
def request_ids_and_their_actors_are_compared_code_point_by_code_point(bench: Bench) -> None:
    """A request id is one actor's own, and both are compared code point by code point: SPEC 1."""
    (exam,) = bench.upload("exam")
    used = [(ANNA, text) for text in HOSTILE] + [(UserId(text), "request") for text in HOSTILE]
    asked = bench.ports.grants.receipt
    kept: list[StoredReceipt] = []
    for number, (actor, request_id) in enumerate(used):
        name = f"the receipt of {actor!a} under {request_id!a}"
        same(f"{name}, before its act", asked(actor, request_id), None)
        kept.append(
            StoredReceipt(
                actor=actor,
                request_id=request_id,
                fingerprint=f"digest {number}",
                receipt=UnshareReceipt(at=ACTED),
            )
        )
        share = bench.sharing(bench.grant(exam, BEN), receipt=kept[-1])
        bench.write(amended(share, made=()))
    for stored in kept:
        name = f"the receipt of {stored.actor!a} under {stored.request_id!a}"
        same(name, asked(stored.actor, stored.request_id), stored)


RECEIPT_LAWS: Final[tuple[Callable[[StoreTrial], None], ...]] = (
    a_receipt_is_returned_as_it_was_given,
    request_ids_and_their_actors_are_compared_code_point_by_code_point,
)
