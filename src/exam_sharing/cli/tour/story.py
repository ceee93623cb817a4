"""The story of the tour: one week of one medium, played on the library itself.

What is made up is the people, what they ask for, and the clock. What they get is what the library
answers. The acts are the same on any medium, be there one exam on it or thousands; narration says
what somebody is about, and leaves it to the facts to say what comes of it.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias

from exam_sharing import (
    ExamId,
    NarrowRequest,
    Permission,
    Reshares,
    Scope,
    ShareRequest,
    UnshareRequest,
)
from exam_sharing.cli.tour.cast import (
    ANNA,
    AYLIN,
    BAO,
    CHLOE,
    EMIL,
    INGRID,
    JOSE,
    MAELLE,
    PRIYA,
    RADIOLOGY,
    SAMUEL,
    STUDENTS,
    TOMASZ,
    TUMOUR_BOARD,
)
from exam_sharing.cli.tour.facts import (
    Chapter,
    Fact,
    Medium,
    Offered,
    Said,
    Story,
    Suggested,
    Uploaded,
)
from exam_sharing.cli.tour.stage import OpenSharing, Stage, open_in_memory, open_stage

__all__ = ["BEGINNING", "tell"]

BEGINNING: Final = datetime(2024, 5, 6, 8, 30, tzinfo=UTC)
"""A Monday. The tour has a clock of its own, so that one medium always gives the same tour."""

FRIDAY_EVENING: Final = datetime(2024, 5, 10, 18, 0, tzinfo=UTC)
NEVER_THERE: Final = ExamId("exam-that-never-was")
MESSAGE: Final = "Could you have a look before Thursday's clinic?\nThank you, Anna"


def _arrival(stage: Stage) -> Iterator[Fact]:
    medium = stage.medium
    stage.sharing.add_upload(medium.batch, medium.exams)
    yield Said(
        text="Anna Kovács brings a CD. What is on it comes in as one upload, and is hers. From "
        "here on nothing is copied or sent: sharing an exam only records who may do what with it."
    )
    yield Uploaded(
        batch=medium.batch.id,
        by=medium.batch.uploader,
        exams=medium.shown,
        left_out=medium.left_out,
    )


def _nobody_else(stage: Stage) -> Iterator[Fact]:
    yield Said(
        text="Nobody but Anna has access yet. What one may not see does not exist: José asks for "
        "her first exam, then for one that never was, and cannot tell the answers apart."
    )
    for exam in (stage.exam, NEVER_THERE):
        yield stage.act(ShareRequest(actor=JOSE, exam=exam, recipients=(INGRID,), attested=True))


def _share_form(stage: Stage) -> Iterator[Fact]:
    yield Said(text="Anna opens the Share tab of her first exam.")
    yield stage.form(ANNA)


def _recipients(stage: Stage) -> Iterator[Fact]:
    yield Said(
        text="She types the beginning of a name, of a later word of it, or of an address. Accents "
        "and capitals do not matter. Radu Ionescu has left, and is not suggested any more."
    )
    for typed in ("jose n", "LEFE", "tomasz.l", "ra", "board"):
        choices = stage.sharing.suggest(ANNA, stage.exam, typed)
        yield Suggested(actor=ANNA, exam=stage.exam, typed=typed, choices=choices)
    yield Said(text="Or she selects from the list of all people and groups, a page at a time.")
    page = stage.sharing.recipients(ANNA, stage.exam, limit=5)
    yield Offered(actor=ANNA, exam=stage.exam, page=page)


def _one_exam(stage: Stage) -> Iterator[Fact]:
    def share(*, attested: bool) -> ShareRequest:
        return ShareRequest(
            actor=ANNA,
            exam=stage.exam,
            recipients=(JOSE, SAMUEL),
            message=MESSAGE,
            attested=attested,
        )

    yield Said(
        text="Two people, this exam only, the download box left empty. Before she confirms "
        "anything, a preview says what would happen, and what is still missing."
    )
    previewed = stage.preview(share(attested=False))
    yield previewed
    yield Said(text="She ticks the confirmation, and writes a personal message.")
    yield stage.act(share(attested=True))
    yield stage.notices(previewed.preview)


def _whole_batch(stage: Stage) -> Iterator[Fact]:
    request = ShareRequest(
        actor=ANNA,
        exam=stage.exam,
        recipients=(MAELLE, RADIOLOGY),
        permission=Permission.DOWNLOAD,
        scope=Scope.BATCH,
        attested=True,
        expect=frozenset(stage.sharing.share_form(ANNA, stage.exam).exams),
    )
    yield Said(
        text="Now all that came along on the CD, for a colleague and for a whole group, with "
        "download. The share names the exams that Anna was shown, so that it cannot cover others."
    )
    previewed = stage.preview(request)
    yield previewed
    yield stage.act(request)
    yield stage.notices(previewed.preview)


def _tabs(stage: Stage) -> Iterator[Fact]:
    yield Said(text="What each of them now finds at the exam, and why:")
    yield stage.tabs(ANNA, JOSE, SAMUEL, MAELLE, TOMASZ, CHLOE, EMIL)
    yield Said(
        text="José was given it without download, so the Download tab is not there for him. The "
        "service plan of Samuel does not include sharing; to get a Share tab, he must upgrade."
    )
    yield stage.explain(JOSE, Permission.DOWNLOAD)
    yield stage.form(SAMUEL)


def _passing_on(stage: Stage) -> Iterator[Fact]:
    yield Said(text="José may view, and wants others to see it too. His form has no download box:")
    yield stage.form(JOSE)
    yield Said(text="Whoever asks all the same is refused, with every reason at once.")
    yield stage.act(
        ShareRequest(
            actor=JOSE,
            exam=stage.exam,
            recipients=(TUMOUR_BOARD, ANNA),
            permission=Permission.DOWNLOAD,
        )
    )
    yield Said(text="To view, he can pass it on. So can others pass on what they hold:")
    for actor, recipients, permission in (
        (JOSE, (TUMOUR_BOARD,), Permission.VIEW),
        (MAELLE, (BAO,), Permission.DOWNLOAD),
        (BAO, (INGRID,), Permission.DOWNLOAD),
        (TOMASZ, (SAMUEL, STUDENTS), Permission.VIEW),
        (SAMUEL, (EMIL,), Permission.VIEW),
    ):
        yield stage.act(
            ShareRequest(
                actor=actor,
                exam=stage.exam,
                recipients=recipients,
                permission=permission,
                attested=True,
            )
        )


def _access_list(stage: Stage) -> Iterator[Fact]:
    yield Said(
        text="Everybody with access sees the same list. An X stands where the viewer may unshare: "
        "for Anna, who owns the exam, everywhere; for others, at what they gave or were given."
    )
    yield stage.listed(ANNA, JOSE, TOMASZ)
    yield Said(text="The same as it went from hand to hand:")
    yield stage.travelled()


def _narrowing(stage: Stage) -> Iterator[Fact]:
    def narrow(reshares: Reshares) -> NarrowRequest:
        return NarrowRequest(
            actor=ANNA,
            exam=stage.exam,
            recipient=RADIOLOGY,
            permission=Permission.VIEW,
            until=FRIDAY_EVENING,
            reshares=reshares,
        )

    yield Said(
        text="Radiology needs to view it until the weekend, no more. Anna first asks to be stopped "
        "if somebody there has passed it on."
    )
    yield stage.act(narrow(Reshares.RESTRICT))
    yield Said(text="She has a look at what narrowing would do if it kept what was passed on.")
    yield stage.preview(narrow(Reshares.KEEP))
    yield stage.act(narrow(Reshares.KEEP))
    yield stage.explain(TOMASZ, Permission.DOWNLOAD)
    yield Said(
        text="Chloé, at night, passes it on without saying until when: that means as long as "
        "allowed, and nobody can give what they do not hold themselves."
    )
    yield stage.act(ShareRequest(actor=CHLOE, exam=stage.exam, recipients=(AYLIN,), attested=True))


def _by_the_grantor(stage: Stage) -> Iterator[Fact]:
    yield Said(text="Bảo would like José off the list, whom somebody else put there.")
    yield stage.act(UnshareRequest(actor=BAO, exam=stage.exam, recipient=JOSE))
    yield Said(
        text="Tomasz takes back what he gave himself. Samuel was given it twice, so the answer is "
        "more than done: it tells who still has access, and by whom."
    )
    unshare = UnshareRequest(actor=TOMASZ, exam=stage.exam, recipient=SAMUEL)
    yield stage.preview(unshare)
    yield stage.act(unshare)
    yield stage.explain(SAMUEL, Permission.VIEW)


def _by_the_owner(stage: Stage) -> Iterator[Fact]:
    yield Said(
        text="Anna reads the list, and finds Visiting students on it. She never shared with them; "
        "as the owner she can unshare from anybody."
    )
    yield stage.act(UnshareRequest(actor=ANNA, exam=stage.exam, recipient=STUDENTS))
    yield stage.explain(EMIL, Permission.VIEW)


def _cascade(stage: Stage) -> Iterator[Fact]:
    unshare = UnshareRequest(
        actor=ANNA, exam=stage.exam, recipient=MAELLE, reshares=Reshares.CASCADE
    )
    yield Said(
        text="Maëlle passed download on to Bảo, and Bảo to Ingrid. Anna takes Maëlle off together "
        "with what rests on it. But Maëlle is also on the Tumour board, which may view: what she "
        "passed on keeps as much as she still holds, and no more. First the preview."
    )
    yield stage.travelled()
    yield stage.preview(unshare)
    yield stage.act(unshare)
    yield stage.explain(BAO, Permission.DOWNLOAD)
    yield stage.explain(BAO, Permission.VIEW)


def _last_support(stage: Stage) -> Iterator[Fact]:
    unshare = UnshareRequest(actor=ANNA, exam=stage.exam, recipient=JOSE, reshares=Reshares.CASCADE)
    yield Said(text="What is left of it hangs on José, who shared with the Tumour board.")
    yield stage.travelled()
    yield stage.preview(unshare)
    yield stage.act(unshare)
    yield stage.explain(INGRID, Permission.VIEW)


def _what_remains(stage: Stage) -> Iterator[Fact]:
    yield Said(
        text="Nobody did anything since Thursday, but Friday has passed. This is what remains at "
        "the exam, and what each of them can see of the whole CD."
    )
    yield stage.explain(TOMASZ, Permission.VIEW)
    yield stage.listed(ANNA)
    yield stage.shelves(ANNA, MAELLE, TOMASZ, PRIYA, CHLOE, SAMUEL, JOSE, BAO, INGRID, EMIL, AYLIN)


_Scene: TypeAlias = Callable[[Stage], Iterator[Fact]]


def _at(*, day: int, hour: int, minute: int = 0) -> datetime:
    midnight = BEGINNING.replace(hour=0, minute=0)
    return midnight + timedelta(days=day, hours=hour, minutes=minute)


_MON, _TUE, _WED, _THU, _SAT = 0, 1, 2, 3, 5

SCENES: Final[tuple[tuple[str, str, datetime, _Scene], ...]] = (
    ("upload", "A CD arrives", BEGINNING, _arrival),
    ("concealment", "Nobody else knows", _at(day=_MON, hour=8, minute=40), _nobody_else),
    ("share-form", "The share form", _at(day=_MON, hour=9), _share_form),
    ("recipients", "Choosing whom to share with", _at(day=_MON, hour=9, minute=5), _recipients),
    ("share-exam", "Sharing one exam", _at(day=_MON, hour=9, minute=10), _one_exam),
    ("share-batch", "Sharing the whole CD", _at(day=_MON, hour=9, minute=30), _whole_batch),
    ("tabs", "What each of them finds", _at(day=_MON, hour=11), _tabs),
    ("re-shares", "Passing it on", _at(day=_TUE, hour=10), _passing_on),
    ("access-list", "Who has access", _at(day=_TUE, hour=12), _access_list),
    ("narrowing", "Narrowing", _at(day=_WED, hour=9), _narrowing),
    ("unshare-grantor", "Unsharing what one shared", _at(day=_WED, hour=14), _by_the_grantor),
    ("unshare-owner", "Unsharing as the owner", _at(day=_WED, hour=17), _by_the_owner),
    ("cascade", "Unsharing, and what rests on it", _at(day=_THU, hour=9), _cascade),
    ("last-support", "When the last support goes", _at(day=_THU, hour=15), _last_support),
    ("what-remains", "What remains", _at(day=_SAT, hour=9), _what_remains),
)
"""The chapters: a word that stays, a title, when it plays, and what happens."""


def tell(medium: Medium, open_kept: OpenSharing = open_in_memory) -> Story:
    """Play the story on a medium, and return it.

    Args:
        medium: what was read.
        open_kept: opens sharing where nothing is kept yet; by default in memory.
    """
    stage = open_stage(medium, BEGINNING, open_kept)
    chapters: list[Chapter] = []
    for name, title, at, scene in SCENES:
        stage.clock.now = at
        chapters.append(Chapter(id=name, title=title, at=at, facts=tuple(scene(stage))))
    return Story(medium=medium, chapters=tuple(chapters))
