"""`exam-sharing accesses` and `disclosures`: who looked, and which of it a patient may ask for."""

import csv
import re
from argparse import Namespace
from collections.abc import Iterable, Iterator
from io import StringIO
from typing import Final

import exam_sharing as es
from exam_sharing.cli import printing as out
from exam_sharing.cli.commands import Portal
from exam_sharing.cli.parsing import EXAM, PAGING, ago, argument, flag, read_as, user
from exam_sharing.cli.printing import Reply, Shown, portal_command
from exam_sharing.cli.words import MAY, Words

_NONE: Final = "Nobody looked."
_CSV: Final = flag("--csv", "print all of it as comma-separated values, for a spreadsheet")
_HEADS: Final = "first", "last", "user", "exam", "permission", "purpose", "origin", "count"


@portal_command(
    "accesses",
    "list who looked at an exam, or at what a user looked, newest first",
    argument("--exam EXAM", "of this exam", read_as(es.ExamId)),
    argument("--user USER", "by this user", user),
    argument("--since TIME", "from then on: as 2030-03-01T12:00, or a duration ago as 30d", ago),
    argument("--before TIME", "before then", ago),
    *PAGING,
    _CSV,
    epilog="""\
What the portal reported that it served; repeated requests of one look are one line. A page ends
with how to get the next; with --csv, all pages follow each other. Nothing is held back: this is for
whoever runs the portal.

examples:
  exam-sharing accesses --exam cd-1
  exam-sharing accesses --user ben --since 30d --json
  exam-sharing accesses --exam cd-1 --csv > accesses.csv
""",
)
def accesses(arguments: Namespace, portal: Portal) -> Reply:
    exam, who = arguments.exam, arguments.user
    if exam is None and who is None:
        raise es.InvalidInput("--exam or --user", "must be given")

    def page_after(after: str | None) -> es.Page[es.Access]:
        return portal.sharing.admin.accesses(
            exams=None if exam is None else [exam],
            user=who,
            since=arguments.since,
            before=arguments.before,
            after=after,
            limit=arguments.limit,
        )

    page = page_after(arguments.after)
    if _as_csv(arguments):

        def rows_of_all_pages() -> Iterator[es.Access]:
            found = page
            yield from found.items
            while found.next is not None:
                found = page_after(found.next)
                yield from found.items

        return _csv("accesses", rows_of_all_pages())

    def show(words: Words) -> Shown:
        if not page.items:
            return _NONE
        rows = [
            (
                words.when(each.first),
                words.when(each.last),
                words.who(each.user),
                str(each.exam),
                MAY[each.permission],
                each.purpose or "",
                each.origin or "",
                f"{each.count:,}",
            )
            for each in page.items
        ]
        heads = "first", "last", "who", "exam", "served to", "purpose", "origin", "times"
        return out.paged(page, out.table(*heads, rows=rows))

    return Reply("accesses", {"exam": exam, "of_user": who, "page": page}, show)


@portal_command(
    "disclosures",
    "list the accesses to an exam with some purposes, repeated ones as one",
    EXAM,
    argument("--purpose CODE", "counts; again for more codes", action="append", required=True),
    argument("--since TIME", "from then on; by default the last six years", ago, default="2192d"),
    argument("--until TIME", "before then; by default now", ago, default="0m"),
    _CSV,
    epilog="""\
A patient may ask for the disclosures of the last six years. 45 CFR 164.528 leaves out treatment,
payment and operations, among others: name the purposes that count. A time is as 2030-03-01T12:00,
or a duration ago as 30d.

examples:
  exam-sharing disclosures cd-1 --purpose LEGAL --purpose RESEARCH
  exam-sharing disclosures cd-1 --purpose LEGAL --since 30d --json
""",
)
def disclosures(arguments: Namespace, portal: Portal) -> Reply:
    purposes = frozenset(arguments.purpose)
    found = portal.sharing.admin.disclosures(
        [arguments.exam],
        arguments.since,
        arguments.until,
        counts=lambda access: access.purpose in purposes,
    )
    if _as_csv(arguments):
        return _csv("disclosures", found)

    def show(words: Words) -> Shown:
        rows = [
            (
                words.when(each.first),
                words.when(each.last),
                words.who(each.user),
                each.purpose,
                f"{each.count:,}",
            )
            for each in found
        ]
        return out.table("first", "last", "who", "purpose", "times", rows=rows) if rows else _NONE

    return Reply("disclosures", {"exam": arguments.exam, "disclosures": found}, show)


def _as_csv(arguments: Namespace) -> bool:
    if arguments.csv and arguments.json:
        raise es.InvalidInput("--csv", "cannot be given with --json")
    return bool(arguments.csv)


def _csv(kind: str, found: Iterable[es.Access | es.Disclosure]) -> Reply:
    """Return a line for each, with ids, and times in UTC."""
    lines = StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow(_HEADS)
    for each in found:
        origin = each.origin if isinstance(each, es.Access) else None
        texts = each.user, each.exam, each.permission.name, each.purpose or "", origin or ""
        cells = [_cell(str(text)) for text in texts]
        writer.writerow([each.first.isoformat(), each.last.isoformat(), *cells, each.count])
    text = lines.getvalue().removesuffix("\n")
    return Reply(kind, {}, lambda _: text, verbatim=True)


_FORMULA: Final = re.compile("(^|[;\t])(?=[=+@\uff1d\uff0b\uff20\uff0d-])")
"""Where a formula could begin, also in the wide forms, and where semicolons separate cells."""


def _cell(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula."""
    return _FORMULA.sub(r"\1'", text)
