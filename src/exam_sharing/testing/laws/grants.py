"""The laws of reading grants, endings and receipts: `GrantReader`.

Specification: `#grant`, `#delivery`, `#removed_by_owner`, `#ids`, `#request-ids`,
`#nothing-is-forgotten`.
"""

from typing import Final

import attrs

import exam_sharing as es
from exam_sharing.grants import Basis, EndedGrant
from exam_sharing.policy.facts import ExamGrants
from exam_sharing.ports import Receipt, StoredReceipt
from exam_sharing.testing.edges import DAY, EDGES, FIRST, HOSTILE, IN_ORDER, LAST, START, TICK
from exam_sharing.testing.laws.bench import ACTED, Bench, a_receipt, amended, keys_of, laws_of_port
from exam_sharing.testing.laws.law import same, same_members
from exam_sharing.testing.worlds import ANNA, BEN, CARLA, DOWNLOAD, NURSES, VIEW

law: Final = laws_of_port()


@law
def read_answers_for_every_exam(bench: Bench) -> None:
    """`read` answers for every exam that it is asked for, at version 0 for an unshared one."""
    shared, alone = bench.upload("shared", "alone")
    (grant,) = bench.share(bench.grant(shared, BEN))
    asked = (shared, alone, es.ExamId("unknown"))
    expected = dict.fromkeys(asked, ExamGrants())
    expected[shared] = ExamGrants(version=1, grants=(grant,))
    read = bench.ports.grants.read
    for ended in (False, True):
        for exams in (asked, (*asked, *asked), (shared, shared), ()):
            answers = {exam: expected[exam] for exam in exams}
            same(f"read of {exams}, with ended={ended}", dict(read(exams, ended=ended)), answers)


@law
def grants_are_read_back_unchanged(bench: Bench) -> None:
    """A grant is a fact that never changes."""
    exam, other = bench.upload("exam", "other")
    made = bench.share(
        bench.grant(exam, BEN),
        bench.grant(exam, NURSES, DOWNLOAD, until=START + TICK),
        bench.grant(other, es.UserId(NURSES.value), grantor=CARLA),
    )
    basis = frozenset(grant.id for grant in made[:2])
    made += bench.share(bench.grant(exam, CARLA, grantor=BEN, basis=basis, until=EDGES[-1]))
    for number, at in enumerate((FIRST, *EDGES, LAST)):
        act = bench.sharing(bench.grant(exam, es.UserId(f"at {number}"), DOWNLOAD, until=at))
        made += bench.write(amended(act, *(attrs.evolve(each, made_at=at) for each in act.made)))
    for each in (exam, other):
        kept = bench.read(each)
        expected = [grant for grant in made if grant.exam == each]
        same_members(f"grants on {each!r}", kept.grants, expected)
        same("the ended grants", kept.ended, ())


@law
def endings_are_read_back_unchanged(bench: Bench) -> None:
    """An ending names when, by whom and how a grant ended, and the grants that replaced it.

    `read` returns endings on request. Nothing is deleted.
    """
    (exam,) = bench.upload("exam")
    standing, ended = set[es.Grant](), set[EndedGrant]()
    how = [each for each in es.HowEnded if each is not es.HowEnded.WITHDRAWN]
    for number, at in enumerate((FIRST, *EDGES, LAST)):
        user = es.UserId(f"user {number}")
        (grant,) = bench.share(bench.grant(exam, user, DOWNLOAD))
        made = tuple(
            attrs.evolve(
                bench.grant(exam, user, until=START + place * TICK, named=f"{name} {number}"),
                share=grant.share,
                version=grant.version,
                lines=(*grant.in_lines, es.GrantId(f"{name} {number}")),
            )
            for place, name in enumerate("zam"[: number % 4])
        )
        act = bench.ending(grant)
        ending = attrs.evolve(
            act.ended[0].ending,
            how=how[number % len(how)],
            by=es.UserId(f"Actor {number}") if number % 3 else None,
            acting_as=list(es.EndedAs)[number // 3],
            at=at,
            replaced_by=tuple(new.id for new in made),
        )
        past = EndedGrant(grant=grant, ending=ending)
        standing |= {*bench.write(amended(act, *made, ended=(past,)))}
        ended.add(past)
        for asked in (True, False):
            kept = bench.read(exam, ended=asked)
            same_members(f"grants with ended={asked}", kept.grants, standing)
            same_members(f"ended grants with ended={asked}", kept.ended, ended if asked else ())


@law
def grants_are_found_by_id_also_when_ended(bench: Bench) -> None:
    """`find_grants` returns the known grants, also ended and replaced ones, and no unknown ids."""
    exam, other = bench.upload("exam", "other")
    grants = [*bench.share(bench.grant(other, BEN), bench.grant(exam, BEN, DOWNLOAD))]
    for until in (None, START + DAY):
        grants += bench.write(bench.narrowing(grants[-1], bench.grant(exam, BEN, until=until)))
    for ended in (False, True):
        asked = (*(grant.id for grant in grants), es.GrantId("unknown"))
        found = bench.ports.grants.find_grants(iter((*asked, *asked)))
        same("the grants", frozenset(found), frozenset(grants))
        for place, grant in enumerate(grants):
            found = bench.ports.grants.find_grants((grant.id,))
            same(f"grant {place}, the last one ended: {ended}", found, (grant,))
        if not ended:
            bench.write(bench.ending(grants[0], grants[-1]))
    same("no grants", bench.ports.grants.find_grants(()), ())


@law
def standing_grants_of_a_share_are_found(bench: Bench) -> None:
    """`grants_of_share` returns the grants of a share to some principals that have not ended."""
    exam, other, gone = exams = bench.upload("exam", "other", "gone")
    to_ben, to_ward, on_other, on_gone, _ = bench.share(
        bench.grant(exam, BEN, DOWNLOAD),
        bench.grant(exam, NURSES),
        bench.grant(other, BEN, until=START),
        bench.grant(gone, BEN),
        bench.grant(exam, CARLA),
    )
    bench.share(bench.grant(exam, BEN))
    keys = (BEN.key, NURSES.key)

    def require(when: str, *expected: es.Grant) -> None:
        for some in (exams, (exam,), (other, es.ExamId("unknown"))):
            found = bench.ports.grants.grants_of_share(to_ben.share, iter(some), iter(keys))
            named = [grant for grant in expected if grant.exam in some]
            same_members(f"grants of the share on {some} {when}", found, named)

    require("at first", to_ben, to_ward, on_other, on_gone)
    bench.write(bench.withdrawal(gone, on_gone))
    (cut,) = bench.write(bench.narrowing(to_ben, bench.grant(exam, BEN)))
    require("after a withdrawal and a narrowing", cut, to_ward, on_other)
    bench.write(bench.ending(to_ward))
    require("after an unshare", cut, on_other)
    same("of no share", bench.ports.grants.grants_of_share(es.ShareId("none"), exams, keys), ())


@law
def recipients_removed_by_the_owner_are_known(bench: Bench) -> None:
    """`removed` names whom an owner unshared, until an owner shares with them again."""
    exam, other = bench.upload("exam", "other")
    asked, unknown = (exam, other, es.ExamId("unknown")), frozenset[es.PrincipalId]()
    recipients: tuple[es.PrincipalId, ...] = (BEN, CARLA, NURSES, es.UserId(NURSES.value))

    def require(when: str, *expected: es.PrincipalId) -> None:
        for some in (recipients, recipients[:2]):
            removed = bench.ports.grants.removed(asked, some)
            named = {**dict.fromkeys(asked, unknown), exam: frozenset(expected) & {*some}}
            same(when, dict(removed), named)

    to_ben, to_ward, by_ben, by_former_owner = bench.share(
        bench.grant(exam, BEN, DOWNLOAD),
        bench.grant(exam, NURSES),
        bench.grant(exam, CARLA, grantor=BEN, basis=frozenset({es.GrantId("some")})),
        bench.grant(exam, NURSES, DOWNLOAD, grantor=CARLA),
    )
    require("before any removal")
    bench.write(bench.ending(to_ward))
    bench.write(bench.ending(by_ben, how=es.HowEnded.CASCADED))
    require("after one unshare by the owner, and a cascade", NURSES)
    (cut,) = bench.write(bench.narrowing(to_ben, bench.grant(exam, BEN)))
    bench.write(bench.narrowing(by_former_owner, bench.grant(exam, NURSES, grantor=CARLA)))
    require("after narrowings", NURSES)
    bench.write(bench.ending(cut, by=BEN, acting_as=es.EndedAs.RECIPIENT))
    bench.share(bench.grant(exam, NURSES, grantor=BEN, basis=frozenset({to_ben.id})))
    require("after a share by somebody else", NURSES)
    bench.share(bench.grant(exam, NURSES))
    require("after a share by the owner")


@law
def exams_granted_to_a_principal_are_in_id_order(bench: Bench) -> None:
    """`exams_granted_to` returns the exams with grants that have not ended, in id order."""
    exams = bench.upload(*reversed(IN_ORDER))
    twins: tuple[es.PrincipalId, ...] = (es.UserId(NURSES.value), NURSES)
    granted = bench.ports.grants.exams_granted_to
    written: list[es.Grant] = []
    for recipient in twins:
        same(f"before any grant to {recipient!r}", granted(recipient), ())
        written += bench.share(*(bench.grant(exam, recipient) for exam in exams))
        same(f"granted to {recipient!r}", granted(recipient), tuple(sorted(exams)))
    first, second = written[:2]
    bench.share(bench.grant(first.exam, first.recipient, grantor=CARLA))
    bench.write(bench.ending(first))
    same("with one of two grants ended", granted(first.recipient), tuple(sorted(exams)))
    bench.write(bench.ending(second))
    left = tuple(sorted(set(exams) - {second.exam}))
    same("with the only grant ended", granted(second.recipient), left)
    same("granted to the other", granted(NURSES), tuple(sorted(exams)))


@law
def expired_grants_are_read_until_an_act_ends_them(bench: Bench) -> None:
    """An expired grant has not ended: `read` and `exams_granted_to` return it."""
    (exam,) = bench.upload("exam")
    made = bench.share(bench.grant(exam, BEN, until=EDGES[0]))
    same("the grants", bench.read(exam).grants, made)
    same("exams granted to", bench.ports.grants.exams_granted_to(BEN), (exam,))


@law
def ids_in_grants_are_compared_by_code_point(bench: Bench) -> None:
    """Ids of grants, shares and people are compared code point by code point."""
    exams = bench.upload(*HOSTILE)
    made: dict[str, es.Grant] = {}
    for number, (text, exam) in enumerate(zip(HOSTILE, exams, strict=True)):
        user = bench.grant(exam, es.UserId(text), DOWNLOAD, named=text)
        by, basis, name = es.UserId(text), frozenset({user.id}), f"to group {number}"
        group = bench.grant(exam, es.GroupId(text), grantor=by, basis=basis, named=name)
        act = bench.sharing(user, group, share=text)
        bench.write(act)
        made[text] = act.made[0]
        same(f"the grants on {exam!a}", frozenset(bench.read(exam).grants), frozenset(act.made))
    for text, grant in made.items():
        same(f"the grant {text!a}", bench.ports.grants.find_grants((grant.id,)), (grant,))
        for principal in (es.UserId(text), es.GroupId(text)):
            granted = bench.ports.grants.exams_granted_to(principal)
            same(f"exams granted to {principal!a}", granted, (grant.exam,))
    for text, grant in made.items():
        ending = bench.ending(grant, by=es.UserId(text))
        bench.write(ending)
        same(f"the ended grant on {grant.exam!a}", bench.read(grant.exam).ended, ending.ended)


@law
def receipts_are_read_back_unchanged(bench: Bench) -> None:
    """`receipt` returns the receipt of an actor's first act with a request id."""
    (exam,) = bench.upload("exam")
    grants = bench.share(
        bench.grant(exam, BEN, until=START + TICK),
        bench.grant(exam, NURSES, DOWNLOAD, basis=frozenset(map(es.GrantId, ("seen", "unseen")))),
        bench.grant(exam, CARLA, basis=frozenset({es.GrantId("unseen")})),
    )
    receipt_of = bench.ports.grants.receipt
    kept: list[StoredReceipt] = []
    for number, receipt in enumerate(_receipts(exam, grants)):
        for actor in (ANNA, BEN):
            name = f"request {number}"
            same("before the act", receipt_of(actor, name), None)
            stored = a_receipt(name, actor=actor, fingerprint=f"Digest {number}")
            kept.append(attrs.evolve(stored, receipt=receipt))
            grant = bench.grant(exam, CARLA, grantor=es.UserId(f"grantor {len(kept)}"))
            bench.write(bench.sharing(grant, receipt=kept[-1]))
    for stored in kept:
        same("the receipt", receipt_of(stored.actor, stored.request_id), stored)
    same("of another actor", receipt_of(CARLA, "request 0"), None)
    same("of another id", receipt_of(ANNA, "request"), None)


def _receipts(exam: es.ExamId, grants: tuple[es.Grant, ...]) -> tuple[Receipt, ...]:
    outcomes = tuple(
        es.ShareOutcome(exam=exam, recipient=to, outcome=outcome, until=until, limited_by=limit)
        for to, outcome, until, limit in (
            (BEN, es.Outcome.GRANTED, START + TICK, es.UntilLimit.ASKED),
            (NURSES, es.Outcome.UNCHANGED, None, es.UntilLimit.NOTHING),
            (CARLA, es.Outcome.WIDENED, EDGES[-1], es.UntilLimit.POLICY),
            (es.GroupId("ben"), es.Outcome.EXTENDED, EDGES[0], es.UntilLimit.OWN_HOLD),
            (ANNA, es.Outcome.OWNS_IT, None, es.UntilLimit.NOTHING),
        )
    )
    # One basis is shown in part, and one not at all.
    bases: tuple[Basis, ...] = (es.OWNER, frozenset({es.GrantId("seen")}), frozenset())
    shown = tuple(es.ShownGrant.of(each, basis) for each, basis in zip(grants, bases, strict=True))
    return (
        es.ShareReceipt(share=es.ShareId("s"), at=START + TICK, outcomes=outcomes),
        es.UnshareReceipt(
            at=ACTED,
            ended=(*shown[1:], shown[0]),
            replacements=shown[::-1],
            left_standing=(*shown[-1:], *shown[:-1]),
            still_have_access=(CARLA, NURSES, BEN),
        ),
        es.UnshareReceipt(at=START),
    )


@law
def request_ids_and_their_actors_are_compared_by_code_point(bench: Bench) -> None:
    """A request id belongs to one actor; both are compared code point by code point."""
    (exam,) = bench.upload("exam")
    used = [(ANNA, text) for text in HOSTILE] + [(es.UserId(text), "request") for text in HOSTILE]
    receipt_of = bench.ports.grants.receipt
    kept: list[StoredReceipt] = []
    for number, (actor, request_id) in enumerate(used):
        name = f"the receipt of {actor!a} under {request_id!a}, before its act"
        same(name, receipt_of(actor, request_id), None)
        kept.append(a_receipt(request_id, actor=actor, fingerprint=f"digest {number}"))
        share = bench.sharing(bench.grant(exam, BEN), receipt=kept[-1])
        bench.write(amended(share))
    for (actor, request_id), stored in zip(used, kept, strict=True):
        name = f"the receipt of {actor!a} under {request_id!a}"
        same(name, receipt_of(actor, request_id), stored)


@law
def a_long_history_is_read_whole(bench: Bench) -> None:
    """All acts, also a withdrawal, keep earlier endings and receipts, however old they are."""
    (exam,) = bench.upload("exam")
    given = bench.share(*(bench.grant(exam, es.UserId(f"u{n}")) for n in range(40)))
    changes = bench.ending(*given)
    bench.write(changes)
    ended, receipts = [*changes.ended], list[StoredReceipt]()
    for number in range(30):
        receipts += a_receipt(f"share {number}"), a_receipt(f"ending {number}")
        given = bench.write(bench.sharing(bench.grant(exam, BEN), receipt=receipts[-2]))
        changes = attrs.evolve(bench.ending(*given), receipt=receipts[-1])
        bench.write(changes)
        ended += changes.ended
    receipts.append(a_receipt("withdrawal"))
    withdrawal = bench.withdrawal(exam, *bench.share(bench.grant(exam, CARLA)))
    bench.write(attrs.evolve(withdrawal, receipt=receipts[-1]))
    kept = bench.read(exam)
    same_members("ended grants", kept.ended, [*ended, *withdrawal.ended])
    same("the version", kept.version, 3 + len(receipts))
    for receipt in receipts:
        found = bench.ports.grants.receipt(ANNA, receipt.request_id)
        same(f"the receipt of {receipt.request_id}", found, receipt)


@law
def thousands_of_grants_are_read_whole(bench: Bench) -> None:
    """One act may make thousands of grants, and one question may name thousands of exams."""
    exams = bench.upload(*(f"e{number}" for number in range(600)))
    wide = bench.share(*(bench.grant(exams[0], es.UserId(f"u{n}")) for n in range(1_000)))
    same("grants on one exam", frozenset(bench.read(exams[0]).grants), frozenset(wide))
    deep = bench.share(*(bench.grant(exam, BEN) for exam in exams))
    asked = (*exams, *(es.ExamId(f"unknown {number}") for number in range(9_000)))
    same_members("exams", (exam.id for exam in bench.ports.exams.find(asked)), exams)
    kept = bench.ports.grants.read(asked, ended=True)
    same("the exams with an answer of `read`", kept.keys(), frozenset(asked))
    grants = {grant for each in kept.values() for grant in each.grants}
    same("grants on many exams", frozenset(grants), frozenset((*wide, *deep)))
    same("exams of many grants", bench.ports.grants.exams_granted_to(BEN), tuple(sorted(exams)))
    groups = [es.GroupId(f"g{number}") for number in range(1_000)]
    held = bench.ports.access.holding(BEN, keys_of(BEN, *groups), VIEW, asked, START)
    same("held of many exams, in many groups", held, frozenset(exams))
    listed = [each.exam for each in bench.pages(BEN, (BEN, *groups), 400)]
    same("listed of many exams", listed, sorted(exams, reverse=True))
    bench.write(bench.ending(*deep))
    same("after all have ended", bench.ports.grants.exams_granted_to(BEN), ())
