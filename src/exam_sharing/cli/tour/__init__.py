"""`exam-sharing tour`: the whole story of sharing, on a real medium."""

from argparse import Namespace
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from exam_sharing import BatchId, ExamId, documents
from exam_sharing.cli import printing as out
from exam_sharing.cli.commands import ExitCode, OpenSharing, command, need
from exam_sharing.cli.media import READING, Medium, left_out_files, read_medium
from exam_sharing.cli.parsing import argument
from exam_sharing.cli.printing import Shown, plain
from exam_sharing.cli.tour import story
from exam_sharing.cli.tour.story import NAMES, PEOPLE, Chapter
from exam_sharing.cli.words import Words, count, series, weekday


@command(
    "tour",
    "show the whole story of sharing, on a real CD",
    argument(
        "media MEDIA",
        "the folder of a CD, its DICOMDIR, a ZIP file, or any DICOM files; "
        "by default the CD that comes with pydicom",
        Path,
        nargs="?",
    ),
    argument(
        "--db URL",
        "keep it in this database: a path, sqlite:///PATH, or postgresql+psycopg://HOST/NAME",
    ),
    *READING,
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
)
def tour(arguments: Namespace) -> ExitCode:
    packages = {"pydicom": True, "rich": not arguments.json, "sqlalchemy": arguments.db is not None}
    need([package for package, is_needed in packages.items() if is_needed])
    medium = read_medium(
        arguments,
        batch=BatchId("cd"),
        exam_id=lambda number, _study: ExamId(f"exam-{number}"),
        uploader=story.ANNA,
        received_at=story.BEGINNING,
    )
    with _sharing_in(arguments.db) as (place, open_empty):
        chapters = tuple(story.tell(medium, open_empty))
    with out.reporting(None if place is None else f"the tour stays in {place}"):
        if arguments.json:
            print(_document(medium, chapters))
        else:
            _print(medium, chapters, place)
    return ExitCode.DONE


def _sharing_in(database: str | None) -> AbstractContextManager[tuple[str | None, OpenSharing]]:
    """Return where the tour is kept, if anywhere, and how to open sharing there."""
    if database is None:
        return nullcontext((None, story.open_in_memory))
    from exam_sharing.cli.database import opened_for_a_tour

    return opened_for_a_tour(database)


def _document(medium: Medium, chapters: Sequence[Chapter]) -> str:
    names = ("id", "name", "role", "active", "sharing_in_plan", "notices")
    groups = [
        {"id": group.id.value, "name": group.name, "members": plain(group.members)}
        for group in story.GROUPS
    ]
    return out.document(
        people=[documents.fields_of(person, {}, *names) for person in PEOPLE],
        groups=groups,
        exams=plain(medium.shown),
        left_out=left_out_files(medium.left_out),
        chapters=plain(chapters),
    )


def _print(medium: Medium, chapters: Sequence[Chapter], place: str | None) -> None:
    console = out.open_console()
    numbers = {exam.id: exam.number for exam in medium.shown}
    words = Words(names=NAMES, numbers=numbers, when=weekday)
    console.print(_opening(medium))
    for number, chapter in enumerate(chapters, start=1):
        console.print(_chapter(chapter, number, words))
    console.print()
    steps = count(sum(len(chapter.facts) for chapter in chapters), "step")
    closing: list[str | tuple[str, str]] = [
        f"That was {count(len(chapters), 'chapter')} and {steps}. ",
        ("exam-sharing rules", "bold"),
        " prints every rule behind them, ",
        ("exam-sharing tour --json", "bold"),
        " prints the same tour for machines.",
    ]
    if place is not None:
        closing += [
            f"\nIt stays in {place}. Give that as --db, and look at it with ",
            ("exam-sharing people", "bold"),
            " or ",
            (f"exam-sharing access {medium.exams[0].id} --as anna", "bold"),
        ]
    console.print(out.text(*closing))


def _opening(medium: Medium) -> Shown:
    exams = medium.shown
    patients = len({exam.patient for exam in exams})
    cast = [(person.name, person.role) for person in PEOPLE]
    for group in story.GROUPS:
        members = series(NAMES[member] for member in sorted(group.members, key=lambda m: m.key))
        cast.append((group.name, f"group: {members}"))
    about = (
        f"{count(len(exams), 'exam')} of {count(patients, 'patient')}, shared, re-shared and "
        "unshared by people who do not exist. Their requests are made up; every answer comes from "
        "the library."
    )
    people = out.grid(out.column(no_wrap=True), out.column(style="dim"), rows=cast, gap=2)
    title = out.text("The tour: one week of a CD", style="bold")
    return out.stacked(title, "", about, "", out.indented(people))


def _chapter(chapter: Chapter, number: int, words: Words) -> Shown:
    from rich.rule import Rule
    from rich.table import Table

    columns = (out.column(), out.column(ratio=1), out.column(style="dim"))
    head = Table.grid(*columns, padding=(0, 1), expand=True)
    title = out.text(f"{number}  {chapter.title}", style="bold cyan", whole=True)
    head.add_row(title, Rule(style="dim cyan"), out.text(weekday(chapter.at), whole=True))
    parts: list[Shown] = ["", head]
    before = ""
    for fact in chapter.facts:
        # Suggestions are a list.
        parts += [] if fact.kind == before == "suggestions" else [""]
        parts.append(out.indented(fact.show(words)))
        before = fact.kind
    return out.stacked(*parts)
