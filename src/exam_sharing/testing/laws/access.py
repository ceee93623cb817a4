"""The laws of checks and lists: `AccessReader`.

Specification: `#access`, `#permission`, `#disclosure`, `#grant`, `#lists-of-exams`, `#ids`.
"""

from datetime import datetime, timedelta
from typing import Final

from exam_sharing.grants import Permission
from exam_sharing.identifiers import ExamId, GrantId, GroupId, PrincipalKey, UserId
from exam_sharing.policy.facts import Involvement
from exam_sharing.testing.edges import DAY, EDGES, FIRST, HOSTILE, IN_ORDER, LAST, START, TICK
from exam_sharing.testing.laws.bench import (
    ANNA,
    BEN,
    CARLA,
    DAN,
    DOWNLOAD,
    VIEW,
    Bench,
    keys_of,
    laws_of_port,
)
from exam_sharing.testing.laws.law import as_many, same

__all__ = ["law"]

law: Final = laws_of_port()

_WARD: Final = GroupId("ward")
_NOBODY: Final = GroupId("nobody")


@law
def the_owner_holds_every_permission(bench: Bench) -> None:
    """The active owner holds every permission; others hold none without a grant."""
    (exam,) = bench.upload("exam")
    for permission in Permission:
        same("the owner", bench.holds(ANNA, permission, exam), True)
        same("somebody else", bench.holds(BEN, permission, exam), False)
    (mine,) = as_many(1, "exams were listed for their owner", bench.pages(ANNA, keys_of(ANNA), 9))
    same("the owner's list", (mine.exam, mine.permission), (exam, DOWNLOAD))
    same("the owner's list of others' exams", bench.pages(ANNA, keys_of(ANNA), 9, own=False), [])


@law
def download_includes_view(bench: Bench) -> None:
    """Holding a permission includes holding the lower ones."""
    view, download = bench.upload("view", "download")
    bench.share(bench.grant(view, BEN), bench.grant(download, BEN, DOWNLOAD))
    for exam, permission, holds in (
        (view, VIEW, True),
        (view, DOWNLOAD, False),
        (download, VIEW, True),
        (download, DOWNLOAD, True),
    ):
        same(f"{permission.name} on {exam!r}", bench.holds(BEN, permission, exam), holds)
    listed = {each.exam: each.permission for each in bench.pages(BEN, keys_of(BEN), 9)}
    same("the list", listed, {view: VIEW, download: DOWNLOAD})


@law
def grants_of_several_grantors_add_up(bench: Bench) -> None:
    """A user holds the union of the grants to them and to every group they are in."""
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
        listed = bench.pages(BEN, keys_of(BEN, _WARD), 1, now=now)
        expected = [DOWNLOAD if download else VIEW] if view else []
        same(f"the list at {now}", [each.permission for each in listed], expected)
    same("outside of the group", bench.holds(BEN, VIEW, exam, START + DAY), False)


@law
def leaving_a_group_ends_its_access(bench: Bench) -> None:
    """A grant to a group counts for its present members, whom the given principals name."""
    (exam,) = bench.upload("exam")
    bench.share(bench.grant(exam, _WARD))
    for groups in ((_WARD,), (), (GroupId("other"),), (_WARD,)):
        holds = _WARD in groups
        keys = keys_of(BEN, *groups)
        same(f"a check in {groups!r}", bench.holds(BEN, VIEW, exam, groups=groups), holds)
        many = bench.ports.access.holding(BEN, keys, VIEW, (exam,), START)
        same(f"many checks in {groups!r}", many, frozenset({exam} if holds else ()))
        listed = bench.listed(BEN, keys, 9)
        same(f"the list in {groups!r}", listed, [exam] if holds else [])


@law
def an_unknown_or_inactive_user_holds_nothing(bench: Bench) -> None:
    """A user without principals, unknown or inactive, holds nothing, not even as the owner."""
    (exam,) = bench.upload("exam")
    bench.share(bench.grant(exam, BEN, DOWNLOAD))
    access, nobody = bench.ports.access, frozenset[PrincipalKey]()
    for user in (ANNA, BEN):
        same(f"a check of {user!r}", access.holds(user, nobody, VIEW, exam, START), False)
        many = access.holding(user, nobody, VIEW, (exam,), START)
        same(f"many checks of {user!r}", many, frozenset())
        listed = access.visible(user, nobody, None, 9, START, own=True)
        same(f"the list of {user!r}", tuple(listed), ())


@law
def users_with_access_and_past_grantors_are_involved(bench: Bench) -> None:
    """`involved` finds an exam for those who see it or ever made a grant on it, and nobody else.

    The exam is named by its own id or by the id of a grant on it, standing or ended.
    """
    exam, gone = bench.upload("exam", "gone")
    to_ward, by_ben, on_gone = bench.share(
        bench.grant(exam, _WARD, until=START + DAY),
        bench.grant(exam, CARLA, grantor=BEN, until=START + DAY),
        bench.grant(gone, BEN),
    )
    names: tuple[ExamId | GrantId, ...] = (exam, to_ward.id, by_ben.id)
    nowhere = (ExamId("no exam"), GrantId("no grant"), gone, on_gone.id)

    def require(who: str, user: UserId, answers: str, groups: tuple[GroupId, ...] = ()) -> None:
        keys = keys_of(user, *groups) if groups != (_NOBODY,) else frozenset()
        for named, letter in zip((*names, *nowhere), f"{answers}----", strict=True):
            expected = None
            if letter != "-":
                expected = Involvement(exam=exam, granted=letter == "g", own=letter != "s")
            answer = bench.ports.access.involved(user, keys, named, START)
            same(f"{who}, of {named!r}", answer, expected)

    bench.write(bench.withdrawal(gone, on_gone))
    # The user granted on it (g), owns the exam or got the grant (o), or just sees it (s).
    require("the owner", ANNA, "ggo")
    require("a member", DAN, "oss", (_WARD,))
    require("a recipient", CARLA, "oso")
    require("a stranger", DAN, "---")
    require("a grantor without access", BEN, "g-g")
    require("a user without principals", ANNA, "---", (_NOBODY,))
    bench.write(bench.ending(by_ben))
    require("the grantor of an ended grant", BEN, "g-g")
    require("a former recipient", CARLA, "---")


@law
def a_grant_gives_nothing_to_its_own_grantor(bench: Bench) -> None:
    """A grant gives nothing to its own grantor, even through a group of theirs."""
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
        keys = keys_of(user, _WARD)
        listed = {each.exam: each.permission for each in bench.pages(user, keys, 1)}
        same(f"the list of {user!r}", listed, held)
        for permission in Permission:
            those = frozenset(each for each, most in held.items() if most >= permission)
            answer = bench.ports.access.holding(user, keys, permission, (exam, other), START)
            same(f"held by {user!r} for {permission.name}", answer, those)
            for each in (exam, other):
                check = bench.holds(user, permission, each, groups=(_WARD,))
                same(f"{user!r}, {permission.name}, {each!r}", check, each in those)


@law
def a_grant_expires_exactly_at_its_time(bench: Bench) -> None:
    """A grant has expired when `now >= until`, to the microsecond."""
    exams = bench.upload(*(f"e{number}" for number in range(len(EDGES))))
    for exam, until in zip(exams, EDGES, strict=True):
        bench.share(bench.grant(exam, BEN, until=until))
    for exam, until in zip(exams, EDGES, strict=True):
        for now, holds in ((until - TICK, True), (until, False), (until + TICK, False)):
            _agree_at(bench, exam, now, holds=holds)
    (longest,) = bench.upload("longest")
    (grant,) = bench.share(bench.grant(longest, BEN, until=LAST))
    same("a grant until the last possible time", bench.read(longest).grants, (grant,))
    for now, holds in ((FIRST, True), (LAST - TICK, True), (LAST, False)):
        _agree_at(bench, longest, now, holds=holds)
    # A clock may go back; then an expired grant stands again.
    _agree_at(bench, exams[-1], EDGES[0], holds=True)
    for number, now in enumerate(EDGES):
        listed = set(bench.listed(BEN, keys_of(BEN), 3, now=now))
        same(f"the list at {now}", listed, {*exams[number + 1 :], longest})


def _agree_at(bench: Bench, exam: ExamId, now: datetime, *, holds: bool) -> None:
    same(f"a check at {now}", bench.holds(BEN, VIEW, exam, now), holds)
    many = bench.ports.access.holding(BEN, keys_of(BEN), VIEW, (exam,), now)
    same(f"many checks at {now}", many, frozenset({exam} if holds else ()))
    listed = set(bench.listed(BEN, keys_of(BEN), 50, now=now))
    same(f"whether it is listed at {now}", exam in listed, holds)


@law
def many_checks_return_exactly_the_exams_held(bench: Bench) -> None:
    """`holding` returns exactly the exams on which the user holds the permission."""
    exams = bench.upload("a", "b", "c")
    own = bench.upload("own", owner=BEN)
    bench.share(bench.grant(exams[0], BEN), bench.grant(exams[1], BEN, DOWNLOAD))
    asked = (*exams, *own, ExamId("unknown"), exams[0])
    access = bench.ports.access
    for permission, expected in (
        (VIEW, {exams[0], exams[1], *own}),
        (DOWNLOAD, {exams[1], *own}),
    ):
        answer = access.holding(BEN, keys_of(BEN), permission, iter(asked), START)
        same(f"held for {permission.name}", answer, frozenset(expected))
    same("held of none", access.holding(BEN, keys_of(BEN), VIEW, (), START), frozenset())
    same("of an unknown exam", bench.holds(BEN, VIEW, ExamId("unknown")), False)


@law
def lists_are_newest_first_at_every_page_size(bench: Bench) -> None:
    """`visible` returns the exams behind a place, newest upload first, then by falling id.

    Uploads of one time, several grants on one exam, and exams without access are at every edge of a
    page.
    """
    shown = _shown_among_others(bench)
    expected = [exam for exam, _ in shown]
    for limit in range(1, len(shown) + 2):
        listed = bench.pages(BEN, keys_of(BEN, _WARD), limit)
        same(f"the list, in pages of {limit}", [each.exam for each in listed], expected)
        permissions = {each.exam: each.permission for each in listed}
        same(f"what is held, in pages of {limit}", permissions, dict(shown))
        theirs = bench.listed(BEN, keys_of(BEN, _WARD), limit, own=False)
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
"""The day and name of each upload, and the permission of the ward."""


def _shown_among_others(bench: Bench) -> list[tuple[ExamId, Permission]]:
    """Write twelve exams that are listed and twelve that are not; return the former in order."""
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


@law
def pages_are_full_among_many_unseen_exams(bench: Bench) -> None:
    """A page is full, however many exams without access lie between those with access."""
    exams = bench.upload(*(f"e{number:03}" for number in range(200)), step=timedelta(minutes=1))
    shown = exams[:2]
    bench.share(
        *(bench.grant(exam, BEN) for exam in shown),
        *(bench.grant(exam, BEN, until=START - DAY) for exam in exams[2:100]),
        *(bench.grant(exam, _WARD, grantor=BEN) for exam in exams[100:]),
    )
    for limit in (1, 2, 3, 50):
        page = bench.ports.access.visible(BEN, keys_of(BEN, _WARD), None, limit, START, own=True)
        expected = [exams[1], exams[0]][:limit]
        same(f"the first page of {limit}", [each.exam for each in page], expected)


@law
def exams_of_one_upload_time_are_listed_by_code_point(bench: Bench) -> None:
    """Exams of one upload time are listed by falling id, code point by code point."""
    exams = bench.upload(*HOSTILE)
    bench.share(*(bench.grant(exam, BEN) for exam in exams))
    falling = [ExamId(text) for text in reversed(IN_ORDER)]
    for limit in (1, 7, 500):
        for user in (ANNA, BEN):
            listed = bench.listed(user, keys_of(user), limit)
            same(f"the list of {user!r}, in pages of {limit}", listed, falling)


@law
def lists_are_ordered_to_the_microsecond(bench: Bench) -> None:
    """A list has the newest upload first, to the microsecond, from the first year to the last."""
    times = (FIRST, *EDGES, LAST)
    exams = [bench.upload(f"e{n}", at=at)[0] for n, at in enumerate(times)]
    bench.share(*(bench.grant(exam, BEN) for exam in exams))
    for limit in (1, 3, 50):
        listed = bench.pages(BEN, keys_of(BEN), limit)
        same("the list", [each.exam for each in listed], exams[::-1])
        found = [each.uploaded_at for each in listed]
        same("the upload times", found, list(reversed(times)))


@law
def a_user_and_a_group_with_one_id_are_distinct(bench: Bench) -> None:
    """A user and a group with the same id are two principals, in every check and list."""
    users, groups = bench.upload("user's", "group's")
    twin = GroupId(BEN.value)
    tricky = UserId(twin.key)
    bench.share(bench.grant(users, BEN), bench.grant(groups, twin))
    for user, keys, expected in (
        (BEN, keys_of(BEN), [users]),
        (BEN, keys_of(BEN, twin), [users, groups]),
        (CARLA, keys_of(CARLA, twin), [groups]),
        (tricky, keys_of(tricky), []),
    ):
        listed = set(bench.listed(user, keys, 1))
        same(f"listed for {sorted(keys)}", listed, set(expected))
        for exam in (users, groups):
            check = bench.ports.access.holds(user, keys, VIEW, exam, START)
            same(f"{exam!r} for {sorted(keys)}", check, exam in expected)


@law
def ids_of_people_are_compared_by_code_point(bench: Bench) -> None:
    """Ids of users and groups are compared code point by code point in checks and lists."""
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
        same(
            f"held by user {name}", access.holding(user, keys_of(user), VIEW, exams, START), {exam}
        )
        listed = bench.listed(user, keys_of(user), 9)
        same(f"listed for user {name}", listed, [exam])
        in_group = keys_of(CARLA, GroupId(text))
        held = access.holding(CARLA, in_group, VIEW, exams, START)
        same(f"held in group {name}", held, {exam})


@law
def a_user_may_be_in_hundreds_of_groups(bench: Bench) -> None:
    """Each exam is listed once, and checks agree, in however many groups a user is."""
    names = [GroupId(f"g{number}") for number in range(600)]
    exams = bench.upload(*(f"e{n:02}" for n in range(40)), step=timedelta(minutes=1))
    for number, exam in enumerate(exams):
        first = bench.grant(exam, names[number * 97 % 600])
        second = bench.grant(exam, names[-1], DOWNLOAD if number % 3 == 0 else VIEW, grantor=CARLA)
        bench.share(first, second)
    for count in (1, 199, 200, 201, 600):
        keys = keys_of(BEN, *names[-count:])
        listed = bench.pages(BEN, keys, 6)
        same(f"listed in {count} groups", [each.exam for each in listed], list(reversed(exams)))
        held = frozenset(e.exam for e in listed if e.permission is DOWNLOAD)
        same("for download", held, frozenset(exams[::3]))
        answer = bench.ports.access.holding(BEN, keys, DOWNLOAD, exams, START)
        same("checks for download", answer, held)


@law
def a_page_can_begin_behind_an_exam_that_is_gone(bench: Bench) -> None:
    """A page begins behind a place, whether or not there is still an exam at that place."""
    exams = bench.upload("a", "b", "c", "d", "e")
    made = bench.share(*(bench.grant(exam, BEN) for exam in exams))
    unshared, withdrawn = exams[3], exams[1]
    bench.write(bench.ending(made[3]))
    bench.write(bench.withdrawal(withdrawn, made[1]))

    def behind(user: UserId, name: str) -> list[str]:
        place, keys = (START, name), keys_of(user)
        page = bench.ports.access.visible(user, keys, place, 9, START, own=True)
        return [each.exam.value for each in page]

    same("behind one that was unshared", behind(BEN, unshared.value), ["c", "a"])
    same("behind one that was withdrawn", behind(BEN, withdrawn.value), ["a"])
    same("for its owner", behind(ANNA, withdrawn.value), ["a"])
    same("behind one that never was", behind(BEN, "cc"), ["c", "a"])
