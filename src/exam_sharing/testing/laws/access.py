"""What a store promises of checks and lists: `AccessReader`."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from exam_sharing.grants import HowEnded, Permission
from exam_sharing.identifiers import (
    ExamId,
    GrantId,
    GroupId,
    PrincipalId,
    PrincipalKey,
    UserId,
)
from exam_sharing.policy.facts import Involvement
from exam_sharing.testing.laws.bench import (
    ANNA,
    BEN,
    CARLA,
    DAN,
    DOWNLOAD,
    VIEW,
    Bench,
    StoreTrial,
    benched,
)
from exam_sharing.testing.laws.law import as_many, same
from exam_sharing.testing.moments import DAY, EDGES, FIRST, LAST, START, TICK
from exam_sharing.testing.texts import HOSTILE, IN_ORDER

__all__ = ["ACCESS_LAWS", "LASTING_ACCESS_LAWS"]

_WARD: Final = GroupId("ward")


_NOBODY: Final = GroupId("nobody")


def _keys(*principals: PrincipalId) -> frozenset[PrincipalKey]:
    return frozenset(principal.key for principal in principals)


@benched
def the_owner_holds_everything(bench: Bench) -> None:
    """The active owner holds everything; others hold nothing without a grant: SPEC 1."""
    (exam,) = bench.upload("exam")
    for permission in Permission:
        same("the owner", bench.holds(ANNA, permission, exam), True)
        same("somebody else", bench.holds(BEN, permission, exam), False)
    (mine,) = as_many(1, "exams were listed for their owner", bench.pages(ANNA, _keys(ANNA), 9))
    same("the owner's list", (mine.exam, mine.permission), (exam, DOWNLOAD))
    same("the owner's list of others' exams", bench.pages(ANNA, _keys(ANNA), 9, own=False), [])


@benched
def download_includes_view(bench: Bench) -> None:
    """Holding one permission includes holding those below it: SPEC 1."""
    view, download = bench.upload("view", "download")
    bench.share(bench.grant(view, BEN), bench.grant(download, BEN, DOWNLOAD))
    for exam, permission, holds in (
        (view, VIEW, True),
        (view, DOWNLOAD, False),
        (download, VIEW, True),
        (download, DOWNLOAD, True),
    ):
        same(f"{permission.name} on {exam!r}", bench.holds(BEN, permission, exam), holds)
    listed = {each.exam: each.permission for each in bench.pages(BEN, _keys(BEN), 9)}
    same("the list", listed, {view: VIEW, download: DOWNLOAD})


@benched
def grants_of_several_grantors_add_up(bench: Bench) -> None:
    """A user holds the union of the grants made to them and to every group they are in: SPEC 1."""
    (exam,) = bench.upload("exam")
    short = bench.grant(exam, BEN, DOWNLOAD, until=START + DAY)
    bench.share(short, bench.grant(exam, _WARD, until=START + 2 * DAY, grantor=CARLA))
    for now, view, download in (
        (START, True, True),
        (START + DAY, True, False),
        (START + 2 * DAY, False, False),
    ):
        same(f"view at {now}", bench.holds(BEN, VIEW, exam, now, groups=(_WARD,)), view)
        same(f"download at {now}", bench.holds(BEN, DOWNLOAD, exam, now, groups=(_WARD,)), download)
        listed = bench.pages(BEN, _keys(BEN, _WARD), 1, now=now)
        expected = [DOWNLOAD if download else VIEW] if view else []
        same(f"the list at {now}", [each.permission for each in listed], expected)
    same("outside of the group", bench.holds(BEN, VIEW, exam, START + DAY), False)


@benched
def leaving_a_group_ends_what_it_gave(bench: Bench) -> None:
    """A grant to a group counts for whoever is in it now: the principals given decide: SPEC 1."""
    (exam,) = bench.upload("exam")
    bench.share(bench.grant(exam, _WARD))
    for groups in ((_WARD,), (), (GroupId("other"),), (_WARD,)):
        holds = _WARD in groups
        keys = _keys(BEN, *groups)
        same(f"a check in {groups!r}", bench.holds(BEN, VIEW, exam, groups=groups), holds)
        many = bench.ports.access.holding(BEN, keys, VIEW, (exam,), START)
        same(f"many checks in {groups!r}", many, frozenset({exam} if holds else ()))
        listed = [each.exam for each in bench.pages(BEN, keys, 9)]
        same(f"the list in {groups!r}", listed, [exam] if holds else [])


@benched
def nobody_holds_anything_without_principals(bench: Bench) -> None:
    """A user who is unknown or inactive holds nothing, ownership included: SPEC 1."""
    (exam,) = bench.upload("exam")
    bench.share(bench.grant(exam, BEN, DOWNLOAD))
    access, nobody = bench.ports.access, frozenset[PrincipalKey]()
    for user in (ANNA, BEN):
        same(f"a check of {user!r}", access.holds(user, nobody, VIEW, exam, START), False)
        many = access.holding(user, nobody, VIEW, (exam,), START)
        same(f"many checks of {user!r}", many, frozenset())
        listed = access.visible(user, nobody, None, 9, START, own=True)
        same(f"the list of {user!r}", tuple(listed), ())


@benched
def whoever_sees_an_exam_or_ever_granted_on_it_is_involved(bench: Bench) -> None:
    """`involved` tells who can see an exam or ever made a grant on it, and of nobody else: SPEC 8.

    An exam is named by its own id or by that of a grant on it, ended or not.
    """
    exam, gone = bench.upload("exam", "gone")
    to_ward, by_ben, on_gone = bench.share(
        bench.grant(exam, _WARD, until=START + DAY),
        bench.grant(exam, CARLA, grantor=BEN, until=START + DAY),
        bench.grant(gone, BEN),
    )
    names: tuple[ExamId | GrantId, ...] = (exam, to_ward.id, by_ben.id)
    nowhere = (ExamId("no exam"), GrantId("no grant"), gone, on_gone.id)

    def told(who: str, user: UserId, answers: str, groups: tuple[GroupId, ...] = ()) -> None:
        keys = _keys(user, *groups) if groups != (_NOBODY,) else frozenset()
        for named, letter in zip((*names, *nowhere), f"{answers}----", strict=True):
            expected = None
            if letter != "-":
                expected = Involvement(exam=exam, granted=letter == "g", own=letter != "s")
            answer = bench.ports.access.involved(user, keys, named, START)
            same(f"{who}, of {named!r}", answer, expected)

    bench.write(bench.ending(on_gone, how=HowEnded.WITHDRAWN, withdrawn=gone))
    # Who granted (g), who else has the exam or the grant as their own (o), who sees it (s).
    told("the owner", ANNA, "ggo")
    told("a member", DAN, "oss", (_WARD,))
    told("a recipient", CARLA, "oso")
    told("a stranger", DAN, "---")
    told("a grantor without access", BEN, "g-g")
    told("a user without principals", ANNA, "---", (_NOBODY,))
    bench.write(bench.ending(by_ben))
    told("a grantor of what has ended", BEN, "g-g")
    told("who no longer has access", CARLA, "---")


@benched
def a_grant_gives_nothing_to_its_own_grantor(bench: Bench) -> None:
    """A grant gives nothing to its own grantor, also where it is made to a group of theirs."""
    (exam, other) = bench.upload("exam", "other")
    bench.share(
        bench.grant(exam, _WARD, DOWNLOAD, grantor=BEN),
        bench.grant(other, _WARD, DOWNLOAD, grantor=BEN),
        bench.grant(other, _WARD, grantor=CARLA),
    )
    expected: dict[UserId, dict[ExamId, Permission]] = {
        BEN: {other: VIEW},
        CARLA: {exam: DOWNLOAD, other: DOWNLOAD},
    }
    for user, held in expected.items():
        keys = _keys(user, _WARD)
        listed = {each.exam: each.permission for each in bench.pages(user, keys, 1)}
        same(f"the list of {user!r}", listed, held)
        for permission in Permission:
            those = frozenset(each for each, most in held.items() if most >= permission)
            answer = bench.ports.access.holding(user, keys, permission, (exam, other), START)
            same(f"held by {user!r} for {permission.name}", answer, those)
            for each in (exam, other):
                check = bench.holds(user, permission, each, groups=(_WARD,))
                same(f"{user!r}, {permission.name}, {each!r}", check, each in those)


@benched
def a_grant_stands_until_just_before_its_time(bench: Bench) -> None:
    """A grant has expired when `now >= until`, to the microsecond: SPEC 1."""
    exams = bench.upload(*(f"e{number}" for number in range(len(EDGES))))
    for exam, until in zip(exams, EDGES, strict=True):
        bench.share(bench.grant(exam, BEN, until=until))
    for exam, until in zip(exams, EDGES, strict=True):
        for now, holds in ((until - TICK, True), (until, False), (until + TICK, False)):
            _agree_at(bench, exam, now, holds=holds)
    (longest,) = bench.upload("longest")
    (grant,) = bench.share(bench.grant(longest, BEN, until=LAST))
    same("a grant until the last of all times", bench.read(longest).grants, (grant,))
    for now, holds in ((FIRST, True), (LAST - TICK, True), (LAST, False)):
        _agree_at(bench, longest, now, holds=holds)
    # A clock may go back, and then finds what had expired.
    _agree_at(bench, exams[-1], EDGES[0], holds=True)
    for number, now in enumerate(EDGES):
        listed = {each.exam for each in bench.pages(BEN, _keys(BEN), 3, now=now)}
        same(f"the list at {now}", listed, {*exams[number + 1 :], longest})


def _agree_at(bench: Bench, exam: ExamId, now: datetime, *, holds: bool) -> None:
    same(f"a check at {now}", bench.holds(BEN, VIEW, exam, now), holds)
    many = bench.ports.access.holding(BEN, _keys(BEN), VIEW, (exam,), now)
    same(f"many checks at {now}", many, frozenset({exam} if holds else ()))
    listed = {each.exam for each in bench.pages(BEN, _keys(BEN), 50, now=now)}
    same(f"whether it is listed at {now}", exam in listed, holds)


@benched
def of_many_exams_exactly_those_held_are_returned(bench: Bench) -> None:
    """`holding` returns those of the exams on which the user holds the permission."""
    exams = bench.upload("a", "b", "c")
    own = bench.upload("own", owner=BEN)
    bench.share(bench.grant(exams[0], BEN), bench.grant(exams[1], BEN, DOWNLOAD))
    asked = (*exams, *own, ExamId("unknown"), exams[0])
    access = bench.ports.access
    for permission, expected in (
        (VIEW, {exams[0], exams[1], *own}),
        (DOWNLOAD, {exams[1], *own}),
    ):
        answer = access.holding(BEN, _keys(BEN), permission, iter(asked), START)
        same(f"held for {permission.name}", answer, frozenset(expected))
    same("held of none", access.holding(BEN, _keys(BEN), VIEW, (), START), frozenset())
    same("of an unknown exam", bench.holds(BEN, VIEW, ExamId("unknown")), False)


@benched
def lists_are_newest_first_at_every_size_of_page(bench: Bench) -> None:
    """`visible` returns the first exams behind a place, newest upload first, then by id downward.

    Several uploads at one time, several grants on one exam, and exams that do not count, stand at
    every edge of a page.
    """
    shown = _shown_among_others(bench)
    expected = [exam for exam, _ in shown]
    for limit in range(1, len(shown) + 2):
        listed = bench.pages(BEN, _keys(BEN, _WARD), limit)
        same(f"the list, in pages of {limit}", [each.exam for each in listed], expected)
        permissions = {each.exam: each.permission for each in listed}
        same(f"what is held, in pages of {limit}", permissions, dict(shown))
        theirs = [each.exam for each in bench.pages(BEN, _keys(BEN, _WARD), limit, own=False)]
        others = [exam for exam in expected if not exam.value.startswith("own")]
        same(f"others' exams, in pages of {limit}", theirs, others)


_GIVEN_TO_THE_WARD: Final = (
    (9, "c", VIEW),
    (9, "b", DOWNLOAD),
    (9, "a", VIEW),
    (5, "c", DOWNLOAD),
    (5, "b", VIEW),
    (1, "a", DOWNLOAD),
)
"""On which day what was uploaded under which name, and what everybody in the ward can do."""


def _shown_among_others(bench: Bench) -> list[tuple[ExamId, Permission]]:
    """Write twelve exams that are listed and as many that are not; return the former in order."""
    listed: list[tuple[datetime, ExamId, Permission]] = []
    for day, name, permission in _GIVEN_TO_THE_WARD:
        at = START + day * DAY
        shown, over, own, made_by_me = (
            bench.upload(f"{kind} {name}{day}", at=at, owner=BEN if kind == "own" else ANNA)[0]
            for kind in ("shown", "over", "own", "made")
        )
        bench.share(
            *(bench.grant(shown, BEN, grantor=UserId(f"grantor {n}")) for n in range(3)),
            bench.grant(shown, _WARD, permission),
            bench.grant(over, BEN, until=START),
            bench.grant(over, _WARD, until=START - TICK),
            bench.grant(own, BEN),
            bench.grant(made_by_me, _WARD, grantor=BEN),
        )
        listed += [(at, shown, permission), (at, own, DOWNLOAD)]
    return [(exam, permission) for _, exam, permission in sorted(listed, reverse=True)]


@benched
def a_page_is_full_however_much_does_not_count(bench: Bench) -> None:
    """A page holds as many exams as were asked for, however many lie between that do not count."""
    exams = bench.upload(*(f"e{number:03}" for number in range(200)), step=timedelta(minutes=1))
    shown = exams[:2]
    bench.share(
        *(bench.grant(exam, BEN) for exam in shown),
        *(bench.grant(exam, BEN, until=START - DAY) for exam in exams[2:100]),
        *(bench.grant(exam, _WARD, grantor=BEN) for exam in exams[100:]),
    )
    for limit in (1, 2, 3, 50):
        page = bench.ports.access.visible(BEN, _keys(BEN, _WARD), None, limit, START, own=True)
        expected = [exams[1], exams[0]][:limit]
        same(f"the first page of {limit}", [each.exam for each in page], expected)


@benched
def ties_are_in_the_order_of_code_points(bench: Bench) -> None:
    """Exams of one time of upload are listed by id, downward, code point by code point."""
    exams = bench.upload(*HOSTILE)
    bench.share(*(bench.grant(exam, BEN) for exam in exams))
    downward = [ExamId(text) for text in reversed(IN_ORDER)]
    for limit in (1, 7, 500):
        for user in (ANNA, BEN):
            listed = [each.exam for each in bench.pages(user, _keys(user), limit)]
            same(f"the list of {user!r}, in pages of {limit}", listed, downward)


@benched
def lists_are_ordered_by_time_to_the_microsecond(bench: Bench) -> None:
    """Newest upload first, to the microsecond, from the first year to the last."""
    times = (FIRST, *EDGES, LAST)
    exams = [bench.upload(f"e{n}", at=at)[0] for n, at in enumerate(times)]
    bench.share(*(bench.grant(exam, BEN) for exam in exams))
    for limit in (1, 3, 50):
        listed = bench.pages(BEN, _keys(BEN), limit)
        same("the list", [each.exam for each in listed], exams[::-1])
        came = [each.uploaded_at for each in listed]
        same("the times of upload", came, list(reversed(times)))


@benched
def a_user_and_a_group_of_one_string_never_meet(bench: Bench) -> None:
    """A user and a group of the same string are two principals, everywhere: SPEC 1."""
    users, groups = bench.upload("user's", "group's")
    twin = GroupId(BEN.value)
    tricky = UserId(twin.key)
    bench.share(bench.grant(users, BEN), bench.grant(groups, twin))
    for user, keys, expected in (
        (BEN, _keys(BEN), [users]),
        (BEN, _keys(BEN, twin), [users, groups]),
        (CARLA, _keys(CARLA, twin), [groups]),
        (tricky, _keys(tricky), []),
    ):
        listed = {each.exam for each in bench.pages(user, keys, 1)}
        same(f"listed for {sorted(keys)}", listed, set(expected))
        for exam in (users, groups):
            check = bench.ports.access.holds(user, keys, VIEW, exam, START)
            same(f"{exam!r} for {sorted(keys)}", check, exam in expected)


@benched
def ids_of_people_are_compared_code_point_by_code_point(bench: Bench) -> None:
    """Whoever is named nearly as somebody who holds something holds nothing by that: SPEC 1."""
    owner = UserId("the owner")
    exams = bench.upload(*HOSTILE, owner=owner)
    bench.share(
        *(
            bench.grant(exam, kind(text), grantor=owner)
            for exam, text in zip(exams, HOSTILE, strict=True)
            for kind in (UserId, GroupId)
        )
    )
    access = bench.ports.access
    for exam, text in zip(exams, HOSTILE, strict=True):
        name, user = ascii(text), UserId(text)
        same(f"held by user {name}", access.holding(user, _keys(user), VIEW, exams, START), {exam})
        listed = [each.exam for each in bench.pages(user, _keys(user), 9)]
        same(f"listed for user {name}", listed, [exam])
        in_group = _keys(CARLA, GroupId(text))
        held = access.holding(CARLA, in_group, VIEW, exams, START)
        same(f"held in group {name}", held, {exam})


@benched
def many_groups_are_no_hindrance(bench: Bench) -> None:
    """However many groups a user is in, each exam is listed once, and checks agree."""
    names = [GroupId(f"g{number}") for number in range(600)]
    exams = bench.upload(*(f"e{n:02}" for n in range(40)), step=timedelta(minutes=1))
    for number, exam in enumerate(exams):
        first = bench.grant(exam, names[number * 97 % 600])
        second = bench.grant(exam, names[-1], DOWNLOAD if number % 3 == 0 else VIEW, grantor=CARLA)
        bench.share(first, second)
    for count in (1, 199, 200, 201, 600):
        keys = _keys(BEN, *names[-count:])
        listed = bench.pages(BEN, keys, 6)
        same(f"listed in {count} groups", [each.exam for each in listed], list(reversed(exams)))
        held = frozenset(e.exam for e in listed if e.permission is DOWNLOAD)
        same("for download", held, frozenset(exams[::3]))
        answer = bench.ports.access.holding(BEN, keys, DOWNLOAD, exams, START)
        same("checks for download", answer, held)


ACCESS_LAWS: Final[tuple[Callable[[StoreTrial], None], ...]] = (
    the_owner_holds_everything,
    download_includes_view,
    grants_of_several_grantors_add_up,
    leaving_a_group_ends_what_it_gave,
    nobody_holds_anything_without_principals,
    a_grant_gives_nothing_to_its_own_grantor,
    whoever_sees_an_exam_or_ever_granted_on_it_is_involved,
    a_grant_stands_until_just_before_its_time,
    of_many_exams_exactly_those_held_are_returned,
    lists_are_newest_first_at_every_size_of_page,
    a_page_is_full_however_much_does_not_count,
    ties_are_in_the_order_of_code_points,
    lists_are_ordered_by_time_to_the_microsecond,
    a_user_and_a_group_of_one_string_never_meet,
    ids_of_people_are_compared_code_point_by_code_point,
    many_groups_are_no_hindrance,
)


@benched
def a_page_goes_on_behind_an_exam_that_is_gone(bench: Bench) -> None:
    """A page begins behind a place, whether or not an exam still stands there."""
    exams = bench.upload("a", "b", "c", "d", "e")
    made = bench.share(*(bench.grant(exam, BEN) for exam in exams))
    unshared, withdrawn = exams[3], exams[1]
    bench.write(bench.ending(made[3]))
    bench.write(bench.ending(made[1], withdrawn=withdrawn, how=HowEnded.WITHDRAWN))

    def behind(user: UserId, name: str) -> list[str]:
        place, keys = (START, name), frozenset({user.key})
        page = bench.ports.access.visible(user, keys, place, 9, START, own=True)
        return [each.exam.value for each in page]

    same("behind one that was unshared", behind(BEN, unshared.value), ["c", "a"])
    same("behind one that was withdrawn", behind(BEN, withdrawn.value), ["a"])
    same("for its owner", behind(ANNA, withdrawn.value), ["a"])
    same("behind one that never was", behind(BEN, "cc"), ["c", "a"])


LASTING_ACCESS_LAWS: Final[tuple[Callable[[StoreTrial], None], ...]] = (
    a_page_goes_on_behind_an_exam_that_is_gone,
)
