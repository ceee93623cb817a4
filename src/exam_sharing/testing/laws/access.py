"""The laws of checks and lists: `AccessReader`.

Specification: `#access`, `#permission`, `#disclosure`, `#grant`, `#lists-of-exams`, `#ids`.
"""

from datetime import timedelta
from typing import Final

import exam_sharing as es
from exam_sharing.policy.facts import Involvement
from exam_sharing.testing.edges import DAY, EDGES, FIRST, HOSTILE, LAST, START, TICK
from exam_sharing.testing.laws.bench import Bench, keys_of, laws_of_port
from exam_sharing.testing.laws.facts import require_same_involvement
from exam_sharing.testing.laws.law import same
from exam_sharing.testing.worlds import ANNA, BEN, CARLA, DAN, DOWNLOAD, NURSES, VIEW

law: Final = laws_of_port()


@law
def the_owner_holds_every_permission(bench: Bench) -> None:
    """The active owner holds every permission; others hold none without a grant."""
    (exam,) = bench.upload("exam")
    bench.require_held(ANNA, (ANNA,), {exam: DOWNLOAD})
    bench.require_held(BEN, (BEN,), {})


@law
def download_includes_view(bench: Bench) -> None:
    """Holding a permission includes holding the lower ones."""
    view, download = bench.upload("view", "download")
    bench.share(bench.grant(view, BEN), bench.grant(download, BEN, DOWNLOAD))
    bench.require_held(BEN, (BEN,), {view: VIEW, download: DOWNLOAD})


@law
def grants_of_several_grantors_add_up(bench: Bench) -> None:
    """A user holds the union of the grants to them and to every group they are in."""
    (exam,) = bench.upload("exam")
    short = bench.grant(exam, BEN, DOWNLOAD, until=START + DAY)
    bench.share(short, bench.grant(exam, NURSES, until=START + 2 * DAY, grantor=CARLA))
    bench.require_held(BEN, (BEN, NURSES), {exam: DOWNLOAD})
    bench.require_held(BEN, (BEN, NURSES), {exam: VIEW}, now=START + DAY)
    bench.require_held(BEN, (BEN,), {}, now=START + DAY)
    bench.require_held(BEN, (BEN, NURSES), {}, now=START + 2 * DAY)


@law
def leaving_a_group_ends_its_access(bench: Bench) -> None:
    """A grant to a group counts for its present members, whom the given principals name."""
    (exam,) = bench.upload("exam")
    bench.share(bench.grant(exam, NURSES))
    for groups in ((NURSES,), (), (es.GroupId("other"),), (NURSES,)):
        bench.require_held(BEN, (BEN, *groups), {exam: VIEW} if NURSES in groups else {})


@law
def an_unknown_or_inactive_user_holds_nothing(bench: Bench) -> None:
    """A user without principals, unknown or inactive, holds nothing, not even as the owner."""
    (exam,) = bench.upload("exam")
    bench.share(bench.grant(exam, BEN, DOWNLOAD))
    for user in (ANNA, BEN):
        bench.require_held(user, (), {})


@law
def users_with_access_and_past_grantors_are_involved(bench: Bench) -> None:
    """`involved` finds an exam for those who see it or ever made a grant on it, and nobody else."""
    exam, gone = bench.upload("exam", "gone")
    to_ward, by_ben, on_gone = bench.share(
        bench.grant(exam, NURSES, until=START + DAY),
        bench.grant(exam, CARLA, grantor=BEN, until=START + DAY),
        bench.grant(gone, BEN),
    )
    names: tuple[es.ExamId | es.GrantId, ...] = (exam, to_ward.id, by_ben.id)
    nowhere = (es.ExamId("no exam"), es.GrantId("no grant"), gone, on_gone.id)

    now = START

    def require(who: str, user: es.UserId, answers: str, *principals: es.PrincipalId) -> None:
        for named, letter in zip((*names, *nowhere), f"{answers}----", strict=True):
            involved = Involvement(exam=exam, granted=letter == "g", own=letter != "s")
            expected, keys = None if letter == "-" else involved, keys_of(*principals)
            answer = bench.ports.access.involved(user, keys, named, now)
            same(f"{who}, of {named!r}", answer, expected)
            require_same_involvement(bench.ports, expected, user, keys, named, now)

    bench.write(bench.withdrawal(gone, on_gone))
    # The user granted on it (g), owns the exam or got the grant (o), or just sees it (s).
    require("the owner", ANNA, "ggo", ANNA)
    require("a member", DAN, "oss", DAN, NURSES)
    require("a recipient", CARLA, "oso", CARLA)
    require("a stranger", DAN, "---", DAN)
    require("a grantor without access", BEN, "g-g", BEN)
    require("a user without principals", ANNA, "---")
    bench.write(bench.ending(by_ben))
    require("the grantor of an ended grant", BEN, "g-g", BEN)
    require("a former recipient", CARLA, "---", CARLA)
    now = START + DAY
    require("a member, once the grant has expired", DAN, "---", DAN, NURSES)
    require("the grantor of an expired grant", ANNA, "ggo", ANNA)


@law
def a_grant_gives_nothing_to_its_own_grantor(bench: Bench) -> None:
    """A grant gives nothing to its own grantor, even through a group of theirs."""
    exam, other = bench.upload("exam", "other")
    bench.share(
        bench.grant(exam, NURSES, DOWNLOAD, grantor=BEN),
        bench.grant(other, NURSES, DOWNLOAD, grantor=BEN),
        bench.grant(other, NURSES, grantor=CARLA),
    )
    bench.require_held(BEN, (BEN, NURSES), {other: VIEW}, limits=(1,))
    downloads = {exam: DOWNLOAD, other: DOWNLOAD}
    bench.require_held(CARLA, (CARLA, NURSES), downloads, limits=(1,))


@law
def a_grant_expires_exactly_at_its_time(bench: Bench) -> None:
    """A grant has expired when `now >= until`, to the microsecond."""
    times = (*EDGES, LAST)
    exams = bench.upload(*(f"e{number}" for number in range(len(times))))
    ends = dict(zip(exams, times, strict=True))
    for exam, until in ends.items():
        (grant,) = bench.share(bench.grant(exam, BEN, until=until))
        same(f"a grant until {until}", bench.read(exam).grants, (grant,))
    around = [now for until in EDGES for now in (until - TICK, until, until + TICK)]
    # A clock may go back; then an expired grant stands again.
    for now in (FIRST, *around, LAST - TICK, LAST, EDGES[0]):
        held = {exam: VIEW for exam, until in ends.items() if now < until}
        bench.require_held(BEN, (BEN,), held, now=now, limits=(3,))


@law
def many_checks_return_exactly_the_exams_held(bench: Bench) -> None:
    """`holding` returns exactly the exams on which the user holds the permission."""
    exams = bench.upload("a", "b", "c")
    (own,) = bench.upload("own", owner=BEN)
    bench.share(bench.grant(exams[0], BEN), bench.grant(exams[1], BEN, DOWNLOAD))
    unknown = es.ExamId("unknown")
    asked = (*exams, own, unknown, exams[0])
    access, keys = bench.ports.access, keys_of(BEN)
    for permission, expected in ((VIEW, {exams[0], exams[1], own}), (DOWNLOAD, {exams[1], own})):
        answer = access.holding(BEN, keys, permission, iter(asked), START)
        same(f"held for {permission.name}", answer, frozenset(expected))
    same("held of none", access.holding(BEN, keys, VIEW, (), START), frozenset())
    same("of an unknown exam", access.holds(BEN, keys, VIEW, unknown, START), False)


@law
def lists_are_newest_first_at_every_page_size(bench: Bench) -> None:
    """`visible` returns the exams behind a place, newest upload first, then by falling id."""
    held: dict[es.ExamId, es.Permission] = {}
    for day, name, permission in (
        *((9, "c", VIEW), (9, "b", DOWNLOAD), (9, "a", VIEW)),
        *((5, "c", DOWNLOAD), (5, "b", VIEW), (1, "a", DOWNLOAD)),
    ):
        shown, over, own, made_by_ben = (
            bench.upload(f"{kind} {name}{day}", at=START + day * DAY, owner=owner)[0]
            for kind, owner in (("shown", ANNA), ("over", ANNA), ("own", BEN), ("made", ANNA))
        )
        bench.share(
            *(bench.grant(shown, BEN, grantor=es.UserId(f"grantor {n}")) for n in range(3)),
            bench.grant(shown, NURSES, permission),
            bench.grant(over, BEN, until=START),
            bench.grant(over, NURSES, until=START - TICK),
            bench.grant(own, BEN),
            bench.grant(made_by_ben, NURSES, grantor=BEN),
        )
        held |= {shown: permission, own: DOWNLOAD}
    bench.require_held(BEN, (BEN, NURSES), held, limits=range(1, len(held) + 2))


@law
def pages_are_full_among_many_unseen_exams(bench: Bench) -> None:
    """A page is full, however many exams without access lie between those with access."""
    exams = bench.upload(*(f"e{number:03}" for number in range(200)), step=timedelta(minutes=1))
    bench.share(
        *(bench.grant(exam, BEN) for exam in exams[:2]),
        *(bench.grant(exam, BEN, until=START - DAY) for exam in exams[2:100]),
        *(bench.grant(exam, NURSES, grantor=BEN) for exam in exams[100:]),
    )
    for limit in (1, 2, 3, 50):
        page = bench.ports.access.visible(BEN, keys_of(BEN, NURSES), None, limit, START, own=True)
        expected = [exams[1], exams[0]][:limit]
        same(f"the first page of {limit}", [each.exam for each in page], expected)


@law
def exams_of_one_upload_time_are_listed_by_code_point(bench: Bench) -> None:
    """Exams of one upload time are listed by falling id, code point by code point."""
    exams = bench.upload(*HOSTILE)
    bench.share(*(bench.grant(exam, BEN) for exam in exams))
    for user, permission in ((ANNA, DOWNLOAD), (BEN, VIEW)):
        held = dict.fromkeys(exams, permission)
        bench.require_held(user, (user,), held, limits=(1, 7, 500))


@law
def lists_are_ordered_to_the_microsecond(bench: Bench) -> None:
    """A list has the newest upload first, to the microsecond, from the first year to the last."""
    exams = [bench.upload(f"e{n}", at=at)[0] for n, at in enumerate((FIRST, *EDGES, LAST))]
    bench.share(*(bench.grant(exam, BEN) for exam in exams))
    bench.require_held(BEN, (BEN,), dict.fromkeys(exams, VIEW), limits=(1, 3, 50))
    zones = {each.uploaded_at.utcoffset() for each in bench.pages(BEN, (BEN,), 50)}
    same("the distance of their times from UTC", zones, {timedelta(0)})


@law
def a_user_and_a_group_with_one_id_are_distinct(bench: Bench) -> None:
    """A user and a group with the same id are two principals, in every check and list."""
    users, groups = bench.upload("user's", "group's")
    twin = es.GroupId(BEN.value)
    tricky = es.UserId(twin.key)
    bench.share(bench.grant(users, BEN), bench.grant(groups, twin))
    bench.require_held(BEN, (BEN,), {users: VIEW})
    bench.require_held(BEN, (BEN, twin), {users: VIEW, groups: VIEW}, limits=(1,))
    bench.require_held(CARLA, (CARLA, twin), {groups: VIEW})
    bench.require_held(tricky, (tricky,), {})


@law
def ids_of_people_are_compared_by_code_point(bench: Bench) -> None:
    """Ids of users and groups are compared code point by code point in checks and lists."""
    owner = es.UserId("the owner")
    exams = bench.upload(*HOSTILE, owner=owner)
    access = bench.ports.access
    named = tuple(zip(exams, map(es.UserId, HOSTILE), map(es.GroupId, HOSTILE), strict=True))
    bench.share(
        *(bench.grant(exam, user, grantor=owner) for exam, user, _ in named),
        *(bench.grant(exam, group, grantor=owner) for exam, _, group in named),
    )
    for exam, user, group in named:
        held = access.holding(user, keys_of(user), VIEW, exams, START)
        same(f"held by user {user!a}", held, {exam})
        listed = [each.exam for each in bench.pages(user, (user,), 9)]
        same(f"listed for user {user!a}", listed, [exam])
        held = access.holding(CARLA, keys_of(CARLA, group), VIEW, exams, START)
        same(f"held in group {group!a}", held, {exam})


@law
def a_user_may_be_in_hundreds_of_groups(bench: Bench) -> None:
    """Each exam is listed once, and checks agree, in however many groups a user is."""
    names = [es.GroupId(f"g{number}") for number in range(600)]
    exams = bench.upload(*(f"e{n:02}" for n in range(40)), step=timedelta(minutes=1))
    held = {exam: VIEW if number % 3 else DOWNLOAD for number, exam in enumerate(exams)}
    for number, exam in enumerate(exams):
        first = bench.grant(exam, names[number * 97 % 600])
        bench.share(first, bench.grant(exam, names[-1], held[exam], grantor=CARLA))
    for count in (1, 199, 200, 201, 600):
        bench.require_held(BEN, (BEN, *names[-count:]), held, limits=(6,))


@law
def a_page_can_begin_behind_an_exam_that_is_gone(bench: Bench) -> None:
    """A page begins behind a place, whether or not there is still an exam at that place."""
    exams = bench.upload("a", "b", "c", "d", "e")
    made = bench.share(*(bench.grant(exam, BEN) for exam in exams))
    unshared, withdrawn = exams[3], exams[1]
    bench.write(bench.ending(made[3]))
    bench.write(bench.withdrawal(withdrawn, made[1]))

    def behind(user: es.UserId, name: str) -> list[str]:
        place, keys = (START, name), keys_of(user)
        page = bench.ports.access.visible(user, keys, place, 9, START, own=True)
        return [each.exam.value for each in page]

    same("behind one that was unshared", behind(BEN, unshared.value), ["c", "a"])
    same("behind one that was withdrawn", behind(BEN, withdrawn.value), ["a"])
    same("for its owner", behind(ANNA, withdrawn.value), ["a"])
    same("behind one that never was", behind(BEN, "cc"), ["c", "a"])
