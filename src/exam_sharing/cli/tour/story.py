"""The story of the tour: one week of one medium, played on the library itself.

People, their requests and the clock are made up; the answers come from the library. The acts are
the same on any medium, with one exam or with thousands. So narration says what somebody intends,
and leaves the result to the facts.
"""

import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, TypeAlias

import attrs

import exam_sharing as es
from exam_sharing import Group, GroupId, PrincipalId, User, UserId
from exam_sharing.cli.commands import OpenSharing
from exam_sharing.cli.grants import previewed
from exam_sharing.cli.media import Medium, uploaded
from exam_sharing.cli.printing import Reply
from exam_sharing.cli.tour.facts import Clock, Stage, said
from exam_sharing.directories import KeptDirectory
from exam_sharing.memory import MemoryDirectory, MemoryNotifier, open_sharing

ANNA, JOSE, MAELLE, BAO, INGRID, TOMASZ = map(
    UserId, ("anna", "jose", "maelle", "bao", "ingrid", "tomasz")
)
PRIYA, CHLOE, SAMUEL, EMIL, AYLIN, RADU = map(
    UserId, ("priya", "chloe", "samuel", "emil", "aylin", "radu")
)
RADIOLOGY, NIGHT_SHIFT, TUMOUR_BOARD, STUDENTS = map(
    GroupId, ("radiology", "night-shift", "tumour-board", "students")
)


@attrs.frozen
class Person:
    """A user with their settings in the directory, and their role in the tour."""

    id: UserId
    name: str
    mailbox: str
    role: str
    active: bool = True
    sharing_in_plan: bool = True
    notices: bool = True


# None of them exists.
PEOPLE: Final = (
    Person(ANNA, "Anna Kovács", "anna.kovacs", "family doctor; brings the CD"),
    Person(JOSE, "José Núñez", "jose.nunez", "surgeon"),
    Person(MAELLE, "Maëlle Lefèvre", "m.lefevre", "neurologist"),
    Person(BAO, "Bảo Trần", "bao.tran", "works with Maëlle Lefèvre"),
    Person(INGRID, "Ingrid Sørensen", "ingrid.sorensen", "oncologist"),
    Person(TOMASZ, "Tomasz Łukasik", "tomasz.lukasik", "radiologist"),
    Person(PRIYA, "Priya Raman", "priya.raman", "radiologist; wants no notices", notices=False),
    Person(CHLOE, "Chloé Dubois", "chloe.dubois", "radiologist on nights"),
    Person(
        SAMUEL,
        "Samuel Okafor",
        "samuel.okafor",
        "physiotherapist; plan without sharing",
        sharing_in_plan=False,
    ),
    Person(EMIL, "Emil Novák", "emil.novak", "student for a month"),
    Person(AYLIN, "Aylin Demir", "aylin.demir", "anaesthetist"),
    Person(RADU, "Radu Ionescu", "radu.ionescu", "has left; inactive", active=False),
)

GROUPS: Final = (
    Group(id=RADIOLOGY, name="Radiology", members=frozenset({TOMASZ, PRIYA, NIGHT_SHIFT})),
    Group(id=NIGHT_SHIFT, name="Night shift", members=frozenset({CHLOE})),
    Group(id=TUMOUR_BOARD, name="Tumour board", members=frozenset({MAELLE, INGRID})),
    Group(id=STUDENTS, name="Visiting students", members=frozenset({EMIL})),
)

NAMES: Final[dict[PrincipalId, str]] = {each.id: each.name for each in (*PEOPLE, *GROUPS)}


# The clock of the tour is its own, so a medium always gives the same tour. 6 May 2024 is a Monday.
_may: Final = partial(datetime, 2024, 5, tzinfo=UTC)
BEGINNING: Final = _may(6, 8, 30)
FRIDAY_EVENING: Final = _may(10, 18)
UNKNOWN: Final = es.ExamId("exam-that-never-was")
MESSAGE: Final = "Could you have a look before Thursday's clinic?\nThank you, Anna"


def open_in_memory(**settings: Any) -> tuple[es.Sharing, KeptDirectory]:
    directory = MemoryDirectory()
    return open_sharing(directory=directory, **settings), directory


def open_stage(medium: Medium, open_empty: OpenSharing = open_in_memory) -> Stage:
    """Return a stage on which nothing has happened yet; its ids are counted, so they repeat."""
    notifier, clock, numbers = MemoryNotifier(), Clock(BEGINNING), itertools.count(1)
    sharing, directory = open_empty(
        # A medium may hold more exams than a deployment lets people share at once.
        policy=es.Policy(max_exams=None),
        notifier=notifier,
        clock=clock,
        new_id=lambda: f"act-{next(numbers)}",
    )
    for person in PEOPLE:
        email = f"{person.mailbox}@clinic.example"
        user = User(id=person.id, name=person.name, email=email, active=person.active)
        directory.add(user, sharing_in_plan=person.sharing_in_plan, notices=person.notices)
    for group in GROUPS:
        directory.add(group)
    return Stage(
        medium=medium, sharing=sharing, directory=directory, notifier=notifier, clock=clock
    )


def _arrival(stage: Stage) -> Iterator[Reply]:
    medium = stage.medium
    stage.sharing.add_upload(medium.batch, medium.exams)
    yield said(
        "Anna Kovács brings a CD. Its exams are added as one upload, and she owns them. From "
        "here on nothing is copied or sent: sharing an exam only records who may do what with it."
    )
    yield uploaded(medium, is_cut=True)


def _concealment(stage: Stage) -> Iterator[Reply]:
    yield said(
        "Only Anna has access so far. An exam that somebody may not see does not exist for "
        "them: José tries to share her first exam, then one that never existed, and gets the same "
        "answer."
    )
    for exam in (stage.exam, UNKNOWN):
        yield stage.act(es.ShareRequest(actor=JOSE, exam=exam, recipients=(INGRID,), attested=True))


def _share_form(stage: Stage) -> Iterator[Reply]:
    yield said("Anna opens the Share tab of her first exam.")
    yield stage.form(ANNA)


def _recipients(stage: Stage) -> Iterator[Reply]:
    yield said(
        "She types the beginning of a name, of a later word in a name, or of an address. "
        "Accents and capitals do not matter. Radu Ionescu has left, so he is not suggested."
    )
    for typed in ("jose n", "LEFE", "tomasz.l", "ra", "board"):
        yield stage.suggest(ANNA, typed)
    yield said("Or she selects from the list of all people and groups, a page at a time.")
    yield stage.offer(ANNA)


def _one_exam(stage: Stage) -> Iterator[Reply]:
    recipients = JOSE, SAMUEL
    yield said(
        "She chooses two people and this exam only, and leaves the download box empty. Before "
        "she confirms anything, a preview shows what would happen and what is still missing."
    )
    request = stage.share_request(ANNA, *recipients, message=MESSAGE, attested=False)
    preview = stage.sharing.preview(request)
    yield previewed(request, preview)
    yield said("She ticks the confirmation, and writes a personal message.")
    yield stage.act(stage.share_request(ANNA, *recipients, message=MESSAGE))
    yield stage.notices(preview)


def _whole_batch(stage: Stage) -> Iterator[Reply]:
    shown = frozenset(stage.sharing.share_form(ANNA, stage.exam).exams)
    whole = {"permission": es.Permission.DOWNLOAD, "scope": es.Scope.BATCH, "expect": shown}
    request = stage.share_request(ANNA, MAELLE, RADIOLOGY, **whole)
    yield said(
        "Now she shares the whole CD for download, with a colleague and with a group. The "
        "share names the exams that the form showed to Anna, so it cannot cover others."
    )
    preview = stage.sharing.preview(request)
    yield previewed(request, preview)
    yield stage.act(request)
    yield stage.notices(preview)


def _tabs(stage: Stage) -> Iterator[Reply]:
    yield said("Each of them now has these tabs at the exam, for these reasons:")
    yield stage.tabs(ANNA, JOSE, SAMUEL, MAELLE, TOMASZ, CHLOE, EMIL)
    yield said(
        "José may only view, so he has no Download tab. The service plan of Samuel does not "
        "include sharing; to get a Share tab, he must upgrade."
    )
    yield stage.explain(JOSE, es.Permission.DOWNLOAD)
    yield stage.form(SAMUEL)


def _reshares(stage: Stage) -> Iterator[Reply]:
    yield said("José may view, and wants others to see it too. His form offers no download:")
    yield stage.form(JOSE)
    yield said("He tries it all the same, and is refused with every reason at once.")
    too_much = {"permission": es.Permission.DOWNLOAD, "attested": False}
    yield stage.act(stage.share_request(JOSE, TUMOUR_BOARD, ANNA, **too_much))
    yield said("He can re-share it for viewing. Others can re-share what they hold, too:")
    for actor, recipients, permission in (
        (JOSE, (TUMOUR_BOARD,), es.Permission.VIEW),
        (MAELLE, (BAO,), es.Permission.DOWNLOAD),
        (BAO, (INGRID,), es.Permission.DOWNLOAD),
        (TOMASZ, (SAMUEL, STUDENTS), es.Permission.VIEW),
        (SAMUEL, (EMIL,), es.Permission.VIEW),
    ):
        yield stage.act(stage.share_request(actor, *recipients, permission=permission))


def _access_list(stage: Stage) -> Iterator[Reply]:
    yield said(
        "Everybody with access sees the same list. An X marks what the viewer may unshare: "
        "Anna owns the exam and may unshare everything; others, what they gave or were given."
    )
    yield stage.listed(ANNA, JOSE, TOMASZ)
    yield said("The same as a tree of who passed it on to whom:")
    yield stage.travelled()


def _narrowing(stage: Stage) -> Iterator[Reply]:
    narrow = partial(
        es.NarrowRequest,
        actor=ANNA,
        exam=stage.exam,
        recipient=RADIOLOGY,
        permission=es.Permission.VIEW,
        until=FRIDAY_EVENING,
    )
    yield said(
        "Radiology needs to view it until the weekend, no more. Anna first requests a refusal "
        "if that would end a re-share."
    )
    yield stage.act(narrow(reshares=es.Reshares.RESTRICT))
    yield said("She previews what narrowing would do if it kept re-shares.")
    yield from stage.preview_and_act(narrow(reshares=es.Reshares.KEEP))
    yield stage.explain(TOMASZ, es.Permission.DOWNLOAD)
    yield said(
        "Chloé, at night, re-shares it without a time. It then lasts as long as allowed: "
        "nobody can give more time than they have themselves."
    )
    yield stage.act(stage.share_request(CHLOE, AYLIN))


def _by_the_grantor(stage: Stage) -> Iterator[Reply]:
    yield said("Bảo would like to remove José from the list, but somebody else added José.")
    yield stage.act(stage.unshare_request(BAO, JOSE))
    yield said(
        "Tomasz takes back what he gave himself. Samuel was given it twice, so the receipt "
        "also names who still has access."
    )
    unshare = stage.unshare_request(TOMASZ, SAMUEL)
    yield from stage.preview_and_act(unshare)
    yield stage.explain(SAMUEL, es.Permission.VIEW)


def _by_the_owner(stage: Stage) -> Iterator[Reply]:
    yield said(
        "Anna finds Visiting students on the list. She never shared with them; as the owner, "
        "she can unshare from anybody."
    )
    yield stage.act(stage.unshare_request(ANNA, STUDENTS))
    yield stage.explain(EMIL, es.Permission.VIEW)


def _cascade(stage: Stage) -> Iterator[Reply]:
    unshare = stage.unshare_request(ANNA, MAELLE, es.Reshares.CASCADE)
    yield said(
        "Maëlle gave download to Bảo, and Bảo to Ingrid. Anna unshares from Maëlle and ends "
        "the re-shares that rest on it. But Maëlle is also on the Tumour board, which may view: "
        "her re-shares keep what she still holds, and no more. First the preview."
    )
    yield stage.travelled()
    yield from stage.preview_and_act(unshare)
    yield stage.explain(BAO, es.Permission.DOWNLOAD)
    yield stage.explain(BAO, es.Permission.VIEW)


def _last_support(stage: Stage) -> Iterator[Reply]:
    unshare = stage.unshare_request(ANNA, JOSE, es.Reshares.CASCADE)
    yield said("What remains of it rests on José, who shared with the Tumour board.")
    yield stage.travelled()
    yield from stage.preview_and_act(unshare)
    yield stage.explain(INGRID, es.Permission.VIEW)


def _what_remains(stage: Stage) -> Iterator[Reply]:
    yield said(
        "Nobody acted since Thursday, but Friday has passed. This access to the exam remains, "
        "and these exams of the whole CD are visible to each of them."
    )
    yield stage.explain(TOMASZ, es.Permission.VIEW)
    yield stage.listed(ANNA)
    radiology = (TOMASZ, PRIYA, CHLOE)
    yield stage.shelves(ANNA, MAELLE, *radiology, SAMUEL, JOSE, BAO, INGRID, EMIL, AYLIN)


_Scene: TypeAlias = Callable[[Stage], Iterator[Reply]]

SCENES: Final[tuple[tuple[str, str, datetime, _Scene], ...]] = (
    ("upload", "A CD arrives", BEGINNING, _arrival),
    ("concealment", "Nobody else knows", _may(6, 8, 40), _concealment),
    ("share-form", "The share form", _may(6, 9), _share_form),
    ("recipients", "Choosing recipients", _may(6, 9, 5), _recipients),
    ("share-exam", "Sharing one exam", _may(6, 9, 10), _one_exam),
    ("share-batch", "Sharing the whole CD", _may(6, 9, 30), _whole_batch),
    ("tabs", "The tabs of each user", _may(6, 11), _tabs),
    ("re-shares", "Re-shares", _may(7, 10), _reshares),
    ("access-list", "The access list", _may(7, 12), _access_list),
    ("narrowing", "Narrowing", _may(8, 9), _narrowing),
    ("unshare-grantor", "Unsharing by the grantor", _may(8, 14), _by_the_grantor),
    ("unshare-owner", "Unsharing by the owner", _may(8, 17), _by_the_owner),
    ("cascade", "Unsharing with re-shares", _may(9, 9), _cascade),
    ("last-support", "When the last support ends", _may(9, 15), _last_support),
    ("what-remains", "What remains", _may(11, 9), _what_remains),
)


@attrs.frozen
class Chapter:
    """A step of the story: a name that stays, a title, when it takes place, and what happened."""

    id: str
    title: str
    at: datetime
    facts: tuple[Reply, ...]


def tell(medium: Medium, open_empty: OpenSharing = open_in_memory) -> Iterator[Chapter]:
    stage = open_stage(medium, open_empty)
    for name, title, at, scene in SCENES:
        stage.clock.now = at
        yield Chapter(name, title, at, tuple(scene(stage)))
