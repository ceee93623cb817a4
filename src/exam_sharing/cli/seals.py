"""`exam-sharing seal` and `verify`: whether anybody has edited the audit trail."""

from argparse import Namespace
from pathlib import Path
from typing import Any

import attrs

from exam_sharing.cli import printing as out
from exam_sharing.cli.commands import CommandFailed, ExitCode, command
from exam_sharing.cli.parsing import DATABASE, argument
from exam_sharing.cli.printing import Reply, Shown
from exam_sharing.cli.words import Words, count
from exam_sharing.errors import InvalidInput
from exam_sharing.seals import Seal, Verification


@command(
    "seal",
    "close the new records of the audit trail into a seal, and export the last seal",
    DATABASE,
    argument("--export PATH", "a new file for the last seal, or a folder for such files", Path),
    epilog="""\
A seal has the hashes of all records that are new, and names the seal before it. Run this command
every few minutes. Keep the exported seals where nobody who can write the database can write: with
them, verify finds every record that was edited before they were made.

In a folder, the file is seal-N.json, N being the number of the seal.

examples:
  exam-sharing seal
  exam-sharing seal --export /mnt/write-once/seals
""",
)
def seal(arguments: Namespace) -> ExitCode:
    out.require_extras(arguments)
    from exam_sharing.adapters import sqlalchemy as sql
    from exam_sharing.cli.database import opened_tables

    with opened_tables(arguments.db) as (engine, tables):
        last = sql.seal(engine, tables=tables)
    if last is not None and arguments.export is not None:
        _export(last, arguments.export)

    def show(words: Words) -> Shown:
        if last is None:
            return "There are no records yet, so there is no seal."
        through = ", ".join(f"{each.log} up to {each.through:,}" for each in last.logs)
        return out.yes(
            out.stacked(f"seal {last.number:,} of {words.when(last.at)}: {through}", last.digest)
        )

    facts = {"seal": None if last is None else _as_data(last)}
    reply = Reply("sealed", facts, show, done="the records are sealed")
    return out.print_reply(reply, arguments, Words(names={}))


def _export(last: Seal, path: Path) -> None:
    file = path / f"seal-{last.number}.json" if path.is_dir() else path
    content = f"{last.as_json()}\n"
    try:
        if file.exists() and file.read_text(encoding="utf-8") == content:
            return
        with file.open("x", encoding="utf-8") as exported:
            exported.write(content)
    except FileExistsError:
        raise CommandFailed(
            "the records are sealed, but not exported: there is another file at --export"
        ) from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or type(error).__name__
        raise CommandFailed(f"the records are sealed, but not exported: {why}") from None


def _as_data(sealed: Seal) -> dict[str, Any]:
    return {**attrs.asdict(sealed), "digest": sealed.digest}


@command(
    "verify",
    "compare the audit trail with its seals, and report the first edited record",
    DATABASE,
    argument("--trusted PATH", "a seal that was exported, and kept elsewhere", Path),
    epilog="""\
Every record, and every grant and share that it names, is compared with the hashes of when it was
written. With --trusted, also somebody who could write every table is found out, for the records up
to that seal. What was removed from the records after the last seal cannot show.

The exit code is 0 if nothing was edited, and 1 if a record was.

examples:
  exam-sharing verify
  exam-sharing verify --trusted /mnt/write-once/seals/seal-120.json
""",
)
def verify(arguments: Namespace) -> ExitCode:
    out.require_extras(arguments)
    from exam_sharing.adapters import sqlalchemy as sql
    from exam_sharing.cli.database import opened_tables

    trusted = None if arguments.trusted is None else _trusted(arguments.trusted)
    with opened_tables(arguments.db) as (engine, tables):
        found = sql.verify(engine, trusted=trusted, tables=tables)
    return out.print_reply(_verified(found), arguments, Words(names={}))


def _trusted(path: Path) -> Seal:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        raise InvalidInput("--trusted", "cannot be read as a file") from None
    return Seal.from_json(text)


def _verified(found: Verification) -> Reply:
    facts = {
        "whole": found.whole,
        "first": found.first,
        "records": found.records,
        "rows": found.rows,
        "sealed": found.sealed,
        "unsealed": found.unsealed,
        "last": None if found.last is None else _as_data(found.last),
        "trusted": None if found.trusted is None else found.trusted.number,
    }

    def show(_words: Words) -> Shown:
        if found.first is not None:
            return out.no(f"{found.first}")
        lines: list[Shown] = [
            out.yes(
                f"{count(found.records, 'record')} and the {count(found.rows, 'row')} that they "
                "name are as they were written"
            )
        ]
        if found.unsealed:
            lines.append(
                out.note(f"{count(found.unsealed, 'record')} not sealed yet: exam-sharing seal")
            )
        if found.trusted is None:
            lines.append(
                out.note("without --trusted, somebody who computed the hashes again is not found")
            )
        return out.stacked(*lines)

    return Reply("verified", facts, show, is_yes=found.whole)
