"""`exam-sharing tour`: the whole story of sharing, on a real medium."""

from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from exam_sharing import BatchId, ExamId, Study
from exam_sharing.cli.commands import Command, ExitCode, OpenSharing, need
from exam_sharing.cli.media import READING, read_medium
from exam_sharing.cli.parsing import argument
from exam_sharing.cli.printing import (
    Shown,
    column,
    document,
    grid,
    indented,
    open_console,
    plain,
    reporting,
    stacked,
    text,
)
from exam_sharing.cli.tour.facts import Chapter, Story, Suggested
from exam_sharing.cli.tour.story import ANNA, BEGINNING, GROUPS, NAMES, PEOPLE, open_in_memory, tell
from exam_sharing.cli.words import Words, count, series, weekday


def _run(arguments: Namespace, version: str) -> ExitCode:
    packages = {"pydicom": True, "rich": not arguments.json, "sqlalchemy": arguments.db is not None}
    need([package for package, is_needed in packages.items() if is_needed])
    medium = read_medium(
        arguments.media,
        batch=BatchId("cd"),
        exam_id=_exam_id,
        uploader=ANNA,
        received_at=BEGINNING,
        loose=arguments.loose,
        details=arguments.details,
    )
    with _sharing_in(arguments.db) as (place, open_empty):
        story = tell(medium, open_empty)
    with reporting(None if place is None else f"the tour stays in {place}"):
        if arguments.json:
            print(_document(story, version))
        else:
            _print(story, place)
    return ExitCode.DONE


def _exam_id(number: int, _study: Study) -> ExamId:
    return ExamId(f"exam-{number}")


@contextmanager
def _sharing_in(database: str | None) -> Iterator[tuple[str | None, OpenSharing]]:
    """Yield where the tour is kept, if anywhere, and how to open sharing there."""
    if database is None:
        yield None, open_in_memory
        return
    from exam_sharing.cli.database import opened_for_a_tour

    with opened_for_a_tour(database) as kept:
        yield kept


def _document(story: Story, version: str) -> str:
    people = [
        {
            "id": person.user.id.value,
            "name": person.user.name,
            "role": person.role,
            "active": person.user.active,
            "sharing_in_plan": person.sharing_in_plan,
            "notices": person.notices,
        }
        for person in PEOPLE
    ]
    groups = [
        {"id": group.id.value, "name": group.name, "members": plain(group.members)}
        for group in GROUPS
    ]
    return document(
        version,
        people=people,
        groups=groups,
        exams=plain(story.medium.shown),
        left_out=plain(story.medium.left_out),
        chapters=plain(story.chapters),
    )


def _print(story: Story, place: str | None) -> None:
    console = open_console()
    numbers = {exam.id: exam.number for exam in story.medium.shown}
    words = Words(names=NAMES, numbers=numbers, when=weekday)
    console.print(_opening(story))
    for number, chapter in enumerate(story.chapters, start=1):
        console.print(_chapter(chapter, number, words))
    console.print()
    facts = sum(len(chapter.facts) for chapter in story.chapters)
    bold = "bold"
    console.print(
        text(
            f"That was {count(len(story.chapters), 'chapter')} and {count(facts, 'step')}. ",
            ("exam-sharing rules", bold),
            " prints every rule behind them, ",
            ("exam-sharing tour --json", bold),
            " prints the same tour for machines.",
        )
    )
    if place is not None:
        look = f"exam-sharing access {story.medium.exams[0].id} --as anna"
        console.print(
            text(
                f"It stays in {place}. Give that as --db, and look at it with ",
                ("exam-sharing people", bold),
                " or ",
                (look, bold),
            )
        )


def _opening(story: Story) -> Shown:
    exams = story.medium.shown
    patients = len({exam.patient for exam in exams})
    cast = [(person.user.name, person.role) for person in PEOPLE]
    for group in GROUPS:
        members = series(NAMES[member] for member in sorted(group.members, key=lambda m: m.key))
        cast.append((group.name, f"group: {members}"))
    about = (
        f"{count(len(exams), 'exam')} of {count(patients, 'patient')}, shared, re-shared and "
        "unshared by people who do not exist. Their requests are made up; every answer comes from "
        "the library."
    )
    people = grid(column(no_wrap=True), column(style="dim"), rows=cast, gap=2)
    title = text("The tour: one week of a CD", style="bold")
    return stacked(title, "", about, "", indented(people))


def _chapter(chapter: Chapter, number: int, words: Words) -> Shown:
    from rich.rule import Rule
    from rich.table import Table

    head = Table.grid(column(), column(ratio=1), column(style="dim"), padding=(0, 1), expand=True)
    title = text(f"{number}  {chapter.title}", style="bold cyan", whole=True)
    head.add_row(title, Rule(style="dim cyan"), text(weekday(chapter.at), whole=True))
    parts: list[Shown] = ["", head]
    before = None
    for fact in chapter.facts:
        is_listed = isinstance(before, Suggested) and isinstance(fact, Suggested)
        parts += [*([] if is_listed else [""]), indented(fact.show(words))]
        before = fact
    return stacked(*parts)


TOUR: Final = Command(
    name="tour",
    help="show the whole story of sharing, on a real CD",
    epilog="""\
The tour reads the headers of the medium and runs the library on its exams, in memory: the upload,
the share form, suggestions, sharing, notices, re-shares, a refusal, the access list, narrowing and
unsharing, each answer with its reason. The medium is not changed, nothing is stored, and nothing
leaves this machine. People, ids and clock are made up, so a medium always gives the same tour.

With --db, the result of the tour stays in a database, which must be new or empty, for the other
commands to look at. EXAM_SHARING_DB does not count here.

Of the studies, the tour shows modality, date and description on the screen, never the name or the
id of a patient: they are "patient 1", "patient 2". Dates and descriptions are patient data all the
same; --no-details leaves them out.

examples:
  exam-sharing tour                       the CD that comes with pydicom
  exam-sharing tour /media/cdrom          a CD: a folder with a DICOMDIR
  exam-sharing tour ~/exports --loose     every DICOM file in a folder
  exam-sharing tour --db tour.db          stays; then: exam-sharing access exam-1 --as anna
  exam-sharing tour --json > tour.json    for machines
  exam-sharing tour | less                a screen at a time
""",
    arguments=(
        argument(
            "media MEDIA",
            "the folder of a CD, its DICOMDIR, or any folder of DICOM files; "
            "by default the CD that comes with pydicom",
            Path,
            nargs="?",
        ),
        argument(
            "--db URL",
            "keep it in this database: a path, sqlite:///PATH, or postgresql+psycopg://HOST/NAME",
        ),
        *READING,
    ),
    run=_run,
)
