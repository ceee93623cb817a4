"""`exam-sharing init`: the tables of a database."""

from argparse import Namespace
from typing import Final

from exam_sharing.cli.arguments import add_database
from exam_sharing.cli.commands import Command, ExitCode
from exam_sharing.cli.replying import print_reply, require_extras
from exam_sharing.cli.words import Words

__all__ = ["INIT"]

EPILOG: Final = """\
A file that is not there yet is made, for you alone to read. Tables that are there already are left
as they are, and it is said whether they are of the shape that this version needs.

examples:
  exam-sharing init
  exam-sharing init --db clinic.db
  exam-sharing init --db postgresql+psycopg://portal@db.example/sharing

Set EXAM_SHARING_DB once, and no command needs --db. Leave a password to EXAM_SHARING_DB, PGPASSWORD
or a password file: what is typed as an argument, others on this machine can see.
"""


def _run(arguments: Namespace, version: str) -> ExitCode:
    require_extras(arguments)
    from exam_sharing.cli.database import prepared

    reply = prepared(arguments.db)
    print_reply(reply, arguments, version, Words(names={}, numbers={}))
    return ExitCode.DONE


INIT: Final = Command(
    name="init",
    help="create the tables of a database",
    epilog=EPILOG,
    add_arguments=add_database,
    run=_run,
)
