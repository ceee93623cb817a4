"""What a store promises of what it keeps of sharing: `GrantReader`."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

import attrs

from exam_sharing.grants import (
    OWNER,
    Basis,
    EndedAs,
    EndedGrant,
    Ending,
    Grant,
    HowEnded,
    ShownGrant,
)
from exam_sharing.identifiers import ExamId, GrantId, GroupId, PrincipalId, ShareId, UserId
from exam_sharing.policy.facts import ExamGrants
from exam_sharing.policy.plans import (
    Outcome,
    ShareOutcome,
    ShareReceipt,
    UnshareReceipt,
    UntilLimit,
)
from exam_sharing.ports import Changes, Receipt, StoredReceipt
from exam_sharing.testing.laws.bench import (
    ACTED,
    ANNA,
    BEN,
    CARLA,
    DOWNLOAD,
    VIEW,
    Bench,
    StoreTrial,
    amended,
    benched,
)
from exam_sharing.testing.laws.law import same
from exam_sharing.testing.moments import DAY, EDGES, FIRST, LAST, START, TICK
from exam_sharing.testing.texts import HOSTILE, IN_ORDER

__all__ = ["GRANT_LAWS", "LASTING_GRANT_LAWS", "RECEIPT_LAWS", "SIZE_LAWS"]

_WARD: Final = GroupId("ward")


@benched
def every_exam_asked_for_is_answered(bench: Bench) -> None:
    """`read` answers for every exam asked for, at version 0 where nothing was ever shared."""
    shared, alone = bench.upload("shared", "alone")
    (grant,) = bench.share(bench.grant(shared, BEN))
    unknown = ExamId("unknown")
    read = bench.ports.grants.read
    for ended in (False, True):
        expected = {
            shared: ExamGrants(version=1, grants=(grant,)),
            alone: ExamGrants(),
            unknown: ExamGrants(),
        }
        asked = (shared, alone, unknown)
        same(f"read with ended={ended}", dict(read(asked, ended=ended)), expected)
        again = dict(read((*asked, *asked), ended=ended))
        same(f"read of each exam twice, with ended={ended}", again, expected)
        same(
            "read of one exam twice",
            dict(read((shared,) * 2, ended=ended)),
            {shared: expected[shared]},
        )
        same("read of no exam", dict(read((), ended=ended)), {})


@benched
def grants_come_back_as_they_were_made(bench: Bench) -> None:
    """A grant is a fact that never changes: SPEC 1."""
    exam, other = bench.upload("exam", "other")
    grants = [
        bench.grant(exam, BEN),
        bench.grant(exam, _WARD, DOWNLOAD, until=START + TICK),
        bench.grant(other, UserId("ward"), grantor=CARLA),
    ]
    made = bench.share(*grants)
    later = bench.grant(
        exam, CARLA, grantor=BEN, basis=frozenset({made[0].id, made[1].id}), until=EDGES[-1]
    )
    made += bench.share(later)
    for number, at in enumerate((FIRST, *EDGES, LAST)):
        act = bench.sharing(bench.grant(exam, UserId(f"at {number}"), DOWNLOAD, until=at))
        made += bench.write(_made_at(at, act))
    for each in (exam, other):
        kept = bench.read(each)
        expected = {grant for grant in made if grant.exam == each}
        same(f"the grants on {each!r}", frozenset(kept.grants), frozenset(expected))
        same("how often each comes", len(kept.grants), len(expected))
        same("the ended ones", kept.ended, ())


def _made_at(at: datetime, act: Changes) -> Changes:
    """Return an act that makes its grants at that time."""
    return amended(act, made=tuple(attrs.evolve(grant, made_at=at) for grant in act.made))


@benched
def ended_grants_are_kept_with_their_endings(bench: Bench) -> None:
    """Ending is recorded beside the grant: when, by whom, how. Nothing is deleted: SPEC 1."""
    (exam,) = bench.upload("exam")
    first, second, third, fourth = bench.share(
        *(bench.grant(exam, UserId(f"user {number}"), DOWNLOAD) for number in range(4))
    )
    cut = bench.grant(exam, second.recipient, VIEW, until=START + TICK)
    acts: tuple[Callable[[], Changes], ...] = (
        lambda: bench.ending(first, by=CARLA, acting_as=EndedAs.GRANTOR),
        lambda: bench.ending(second, replacements={second: cut}, how=HowEnded.NARROWED),
        lambda: bench.ending(third, how=HowEnded.BY_HOST, by=None, acting_as=EndedAs.HOST),
    )
    standing, ended = {first, second, third, fourth}, set[EndedGrant]()
    for act in acts:
        changes = act()
        bench.write(changes)
        ended |= set(changes.ended)
        standing = (standing | set(changes.made)) - {past.grant for past in ended}
        kept = bench.read(exam)
        same("the grants that have not been ended", frozenset(kept.grants), frozenset(standing))
        same("the ended ones", frozenset(kept.ended), frozenset(ended))
        same("how many ended", len(kept.ended), len(ended))
        without = bench.standing(exam)
        same("ended grants where they were not asked for", without.ended, ())
        same("the grants, without ended ones", frozenset(without.grants), frozenset(standing))


_HOW: Final = (HowEnded.UNSHARED, HowEnded.NARROWED, HowEnded.CASCADED, HowEnded.BY_HOST)


@benched
def endings_come_back_as_they_were_recorded(bench: Bench) -> None:
    """An ending says when, by whom and how, and names what took the place of the grant: SPEC 1."""
    (exam,) = bench.upload("exam")
    ended: set[EndedGrant] = set()
    for number, at in enumerate((FIRST, *EDGES, LAST)):
        ending = Ending(
            grant=GrantId(f"grant {number}"),
            how=_HOW[number % len(_HOW)],
            by=UserId(f"Actor {number}") if number % 3 else None,
            acting_as=list(EndedAs)[number // 3],
            at=at,
            version=1,
            replaced_by=tuple(GrantId(f"{name} {number}") for name in "zam")[: number % 4],
        )
        grant = bench.grant(exam, UserId(f"user {number}"), DOWNLOAD, named=ending.grant.value)
        ended |= set(_written_with(bench, ending, *bench.share(grant)))
        kept = bench.read(exam)
        same("the ended ones", frozenset(kept.ended), frozenset(ended))


def _written_with(bench: Bench, ending: Ending, grant: Grant) -> tuple[EndedGrant, ...]:
    """Write the ending of a grant, with its replacements, as of the version that it then has."""
    cuts = (
        bench.grant(
            grant.exam, grant.recipient, until=START + place * TICK, named=replacement.value
        )
        for place, replacement in enumerate(ending.replaced_by, start=1)
    )
    made = tuple(
        attrs.evolve(cut, share=grant.share, version=grant.version, lines=(*grant.in_lines, cut.id))
        for cut in cuts
    )
    act = bench.ending(grant)
    ended = tuple(
        attrs.evolve(past, ending=attrs.evolve(ending, version=past.ending.version))
        for past in act.ended
    )
    bench.write(amended(act, made=made, ended=ended))
    return ended


@benched
def a_grant_is_found_whether_or_not_it_has_ended(bench: Bench) -> None:
    """`find_grants` returns the grants that there are, ended or not, and leaves out the others."""
    first, second = bench.upload("first", "second")
    grants = bench.share(bench.grant(first, BEN), bench.grant(second, BEN))
    for _ in range(2):
        asked = (*(grant.id for grant in grants), GrantId("unknown"))
        same("the grants", frozenset(bench.ports.grants.find_grants(asked)), frozenset(grants))
        for grant in grants:
            if grant in bench.read(grant.exam).grants:
                bench.write(bench.ending(grant))
    same("no grants", bench.ports.grants.find_grants(()), ())


@benched
def the_grants_of_a_share_are_found_until_they_end(bench: Bench) -> None:
    """`grants_of_share` returns what a share still gives some principals on some exams: SPEC 7."""
    exam, other, gone = exams = bench.upload("exam", "other", "gone")
    to_ben, to_ward, on_other, on_gone, _ = bench.share(
        bench.grant(exam, BEN, DOWNLOAD),
        bench.grant(exam, _WARD),
        bench.grant(other, BEN, until=START),
        bench.grant(gone, BEN),
        bench.grant(exam, CARLA),
    )
    bench.share(bench.grant(exam, BEN))
    keys = (BEN.key, _WARD.key)

    def found_are(when: str, *expected: Grant) -> None:
        found = bench.ports.grants.grants_of_share(to_ben.share, exams, keys)
        same(when, frozenset(found), frozenset(expected))
        same(f"how many {when}", len(found), len(expected))

    found_are("at first", to_ben, to_ward, on_other, on_gone)
    bench.write(bench.ending(on_gone, how=HowEnded.WITHDRAWN, withdrawn=gone))
    (cut,) = bench.write(
        bench.ending(to_ben, replacements={to_ben: bench.grant(exam, BEN)}, how=HowEnded.NARROWED)
    )
    found_are("after a withdrawal and a narrowing", cut, to_ward, on_other)
    bench.write(bench.ending(to_ward))
    found_are("after an unshare", cut, on_other)
    same("of no share", bench.ports.grants.grants_of_share(ShareId("none"), exams, keys), ())


@benched
def whom_an_owner_removed_is_known_until_they_are_readmitted(bench: Bench) -> None:
    """`removed` names whom an owner unshared, until an owner shares with them again: SPEC 2."""
    exam, other = bench.upload("exam", "other")
    recipients: tuple[PrincipalId, ...] = (BEN, CARLA, _WARD)

    def removed_are(when: str, *expected: PrincipalId) -> None:
        told = bench.ports.grants.removed((exam, other), recipients)
        same(when, dict(told), {exam: frozenset(expected), other: frozenset()})

    to_ben, to_ward, by_ben = bench.share(
        bench.grant(exam, BEN, DOWNLOAD),
        bench.grant(exam, _WARD),
        bench.grant(exam, CARLA, grantor=BEN, basis=frozenset({GrantId("some")})),
    )
    removed_are("before any removal")
    bench.write(bench.ending(to_ward))
    bench.write(bench.ending(by_ben, how=HowEnded.CASCADED))
    removed_are("after one unshare by the owner, and a cascade", _WARD)
    (cut,) = bench.write(
        bench.ending(to_ben, replacements={to_ben: bench.grant(exam, BEN)}, how=HowEnded.NARROWED)
    )
    removed_are("after a narrowing", _WARD)
    bench.write(bench.ending(cut, by=BEN, acting_as=EndedAs.RECIPIENT))
    bench.share(bench.grant(exam, _WARD, grantor=BEN, basis=frozenset({to_ben.id})))
    removed_are("after a share by somebody else", _WARD)
    bench.share(bench.grant(exam, _WARD))
    removed_are("after a share by the owner")


@benched
def exams_granted_to_a_principal_are_in_id_order(bench: Bench) -> None:
    """`exams_granted_to` returns the exams with grants that have not been ended, in id order."""
    exams = bench.upload(*reversed(IN_ORDER))
    twins: tuple[PrincipalId, ...] = (UserId("ward"), _WARD)
    asked = bench.ports.grants.exams_granted_to
    written: list[Grant] = []
    for recipient in twins:
        same(f"before any to {recipient!r}", asked(recipient), ())
        written += bench.share(*(bench.grant(exam, recipient) for exam in exams))
        same(f"granted to {recipient!r}", asked(recipient), tuple(sorted(exams)))
    # A second grantor's grant keeps the exam among them when the first one's is ended.
    first = written[0]
    bench.share(bench.grant(first.exam, first.recipient, grantor=CARLA))
    bench.write(bench.ending(first))
    same("with one of two grants ended", asked(first.recipient), tuple(sorted(exams)))
    second = written[1]
    bench.write(bench.ending(second))
    left = tuple(sorted(set(exams) - {second.exam}))
    same("with the only grant ended", asked(second.recipient), left)
    same("granted to the other", asked(_WARD), tuple(sorted(exams)))


@benched
def expired_grants_have_not_been_ended(bench: Bench) -> None:
    """What expired is not ended: `read` and `exams_granted_to` tell it until an act ends it."""
    (exam,) = bench.upload("exam")
    made = bench.share(bench.grant(exam, BEN, until=EDGES[0]))
    same("the grants", frozenset(bench.read(exam).grants), frozenset(made))
    same("exams granted to", bench.ports.grants.exams_granted_to(BEN), (exam,))


@benched
def ids_in_grants_are_compared_code_point_by_code_point(bench: Bench) -> None:
    """Ids of grants, shares and people are compared code point by code point: SPEC 1."""
    exams = bench.upload(*HOSTILE)
    made: dict[str, Grant] = {}
    for number, (text, exam) in enumerate(zip(HOSTILE, exams, strict=True)):
        user = bench.grant(exam, UserId(text), DOWNLOAD, named=text)
        group = bench.grant(
            exam,
            GroupId(text),
            grantor=UserId(text),
            basis=frozenset({user.id}),
            named=f"to group {number}",
        )
        act = bench.sharing(user, group, share=text)
        bench.write(act)
        made[text] = act.made[0]
        same(f"the grants on {exam!a}", frozenset(bench.read(exam).grants), frozenset(act.made))
    for text, grant in made.items():
        name = ascii(text)
        same(f"the grant {name}", bench.ports.grants.find_grants((grant.id,)), (grant,))
        for principal in (UserId(text), GroupId(text)):
            granted = bench.ports.grants.exams_granted_to(principal)
            same(f"exams granted to {principal!a}", granted, (grant.exam,))
    for text, grant in made.items():
        ending = bench.ending(grant, by=UserId(text))
        bench.write(ending)
        name = f"the ended grant on {grant.exam!a}"
        same(name, frozenset(bench.read(grant.exam).ended), frozenset(ending.ended))


@benched
def thousands_of_grants_are_read_whole(bench: Bench) -> None:
    """One act may make thousands of grants, and one question be about thousands of exams."""
    exams = bench.upload(*(f"e{number}" for number in range(600)))
    wide = bench.share(*(bench.grant(exams[0], UserId(f"u{n}")) for n in range(1_000)))
    same("grants on one exam", frozenset(bench.read(exams[0]).grants), frozenset(wide))
    deep = bench.share(*(bench.grant(exam, BEN) for exam in exams))
    asked = (*exams, *(ExamId(f"unknown {number}") for number in range(9_000)))
    found = frozenset(exam.id for exam in bench.ports.exams.find(asked))
    same("found of many exams", found, frozenset(exams))
    kept = bench.ports.grants.read(asked, ended=True)
    same("of which exams the sharing was read", kept.keys(), frozenset(asked))
    came = {grant for each in kept.values() for grant in each.grants}
    same("grants on many exams", frozenset(came), frozenset((*wide, *deep)))
    same("exams of many grants", bench.ports.grants.exams_granted_to(BEN), tuple(sorted(exams)))
    keys = frozenset({BEN.key, *(GroupId(f"g{number}").key for number in range(1_000))})
    held = bench.ports.access.holding(BEN, keys, VIEW, asked, START)
    same("held of many exams, in many groups", held, frozenset(exams))
    listed = [each.exam for each in bench.pages(BEN, keys, 400)]
    same("listed of many exams", listed, sorted(exams, reverse=True))
    bench.write(bench.ending(*deep))
    same("after all have ended", bench.ports.grants.exams_granted_to(BEN), ())


GRANT_LAWS: Final[tuple[Callable[[StoreTrial], None], ...]] = (
    every_exam_asked_for_is_answered,
    grants_come_back_as_they_were_made,
    ended_grants_are_kept_with_their_endings,
    endings_come_back_as_they_were_recorded,
    a_grant_is_found_whether_or_not_it_has_ended,
    the_grants_of_a_share_are_found_until_they_end,
    whom_an_owner_removed_is_known_until_they_are_readmitted,
    exams_granted_to_a_principal_are_in_id_order,
    expired_grants_have_not_been_ended,
    ids_in_grants_are_compared_code_point_by_code_point,
)


SIZE_LAWS: Final[tuple[Callable[[StoreTrial], None], ...]] = (thousands_of_grants_are_read_whole,)
"""The last to be asked: they take longest, and say least about what is wrong."""


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


def _receipt(request_id: str = "request", fingerprint: str = "digest") -> StoredReceipt:
    return StoredReceipt(
        actor=ANNA,
        request_id=request_id,
        fingerprint=fingerprint,
        receipt=UnshareReceipt(at=START),
    )


@benched
def a_receipt_of_an_act_that_is_no_share_is_kept(bench: Bench) -> None:
    """A receipt is kept under its request id with whatever act it is written, endings too."""
    (exam,) = bench.upload("exam")
    first, second = bench.share(bench.grant(exam, BEN), bench.grant(exam, CARLA, DOWNLOAD))
    unsharing, narrowing, withdrawal = map(_receipt, ("unsharing", "narrowing", "withdrawal"))
    bench.write(bench.ending(first, receipt=unsharing))
    cut = {second: bench.grant(exam, CARLA)}
    narrowed = bench.ending(second, replacements=cut, how=HowEnded.NARROWED, receipt=narrowing)
    (left,) = bench.write(narrowed)
    bench.write(bench.ending(left, withdrawn=exam, how=HowEnded.WITHDRAWN, receipt=withdrawal))
    for receipt in (unsharing, narrowing, withdrawal):
        kept = bench.ports.grants.receipt(ANNA, receipt.request_id)
        same(f"the receipt of the {receipt.request_id}", kept, receipt)


@benched
def a_replacement_is_found_by_its_id(bench: Bench) -> None:
    """`find_grants` returns what replaced a grant, and the grant that it replaced."""
    (exam,) = bench.upload("exam")
    grants = [*bench.share(bench.grant(exam, BEN, DOWNLOAD))]
    for cut in (bench.grant(exam, BEN), bench.grant(exam, BEN, until=START + DAY)):
        old = grants[-1]
        grants += bench.write(bench.ending(old, replacements={old: cut}, how=HowEnded.NARROWED))
    for ended in (False, True):
        for place, grant in enumerate(grants):
            found = bench.ports.grants.find_grants((grant.id,))
            same(f"grant {place} of a row, the last one ended: {ended}", found, (grant,))
        if not ended:
            bench.write(bench.ending(grants[-1]))


_AT_ONCE: Final = 40


_ONE_BY_ONE: Final = 30


@benched
def a_long_history_is_read_whole(bench: Bench) -> None:
    """Nothing is deleted, however long ago it was: neither endings nor receipts."""
    (exam,) = bench.upload("exam")
    made = bench.share(*(bench.grant(exam, UserId(f"user {n}")) for n in range(_AT_ONCE)))
    changes = bench.ending(*made)
    bench.write(changes)
    ended = [*changes.ended]
    for number in range(_ONE_BY_ONE):
        grant = bench.grant(exam, BEN)
        (given,) = bench.write(bench.sharing(grant, receipt=_receipt(f"share {number}")))
        changes = bench.ending(given, receipt=_receipt(f"ending {number}"))
        bench.write(changes)
        ended += changes.ended
    kept = bench.read(exam)
    same("the ended grants", frozenset(kept.ended), frozenset(ended))
    same("how many ended", len(kept.ended), len(ended))
    same("the version", kept.version, 2 + 2 * _ONE_BY_ONE)
    for act in ("share", "ending"):
        for number in range(_ONE_BY_ONE):
            asked = f"{act} {number}"
            same(
                f"the receipt of {asked}", bench.ports.grants.receipt(ANNA, asked), _receipt(asked)
            )


LASTING_GRANT_LAWS: Final[tuple[Callable[[StoreTrial], None], ...]] = (
    a_receipt_of_an_act_that_is_no_share_is_kept,
    a_replacement_is_found_by_its_id,
    a_long_history_is_read_whole,
)
