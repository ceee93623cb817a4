"""`exam-sharing release-standby`: lets a standby go, so that nobody gets a stale answer from it."""

import sys
from argparse import Namespace
from time import sleep
from typing import TYPE_CHECKING, Final

from exam_sharing.cli.commands import CommandFailed, ExitCode, command, need
from exam_sharing.cli.parsing import argument
from exam_sharing.cli.printing import PROGRAM, Line, document
from exam_sharing.errors import InvalidInput

if TYPE_CHECKING:
    from sqlalchemy import Engine

WAIT: Final = 5.0
"""Seconds in which every process has asked the primary again, and those in flight have ended."""

_LOADED: Final = 1.0
"""Seconds in which a server has loaded a setting."""


@command(
    "release-standby",
    "let commits no longer wait for a standby, once nobody reads it",
    argument("name NAME", "the name of the standby in synchronous_standby_names"),
    argument("--primary URL", "the primary of the PostgreSQL cluster", required=True),
    epilog="""\
A standby that answers checks must not leave synchronous_standby_names at once: commits would stop
waiting for it while it still answers. This command first makes every process send its checks to the
primary, while commits wait as before. After five seconds it takes the standby out of the list. It
works too while the standby is gone and commits hang.

It sets synchronous_standby_names by ALTER SYSTEM, as a superuser may. Under Patroni it is not
needed: Patroni lets a standby go only after it was cut off.

example:
  exam-sharing release-standby standby --primary postgresql://postgres@a/portal
""",
)
def release_standby(arguments: Namespace) -> ExitCode:
    need(["sqlalchemy", "psycopg"])
    from exam_sharing.adapters.sqlalchemy.cluster_settings import Waiting
    from exam_sharing.cli.database import server_at

    with server_at("--primary", arguments.primary) as primary:
        if _answer(primary, "SELECT pg_is_in_recovery()::text") == "true":
            raise InvalidInput("--primary", "is the address of a standby: give that of the primary")
        waiting = Waiting.of(_setting(primary))
        left = waiting.without(arguments.name)
        if len(left.names) == len(waiting.names):
            raise InvalidInput("NAME", f"is not in synchronous_standby_names = '{waiting}'")
        line = Line(sys.stderr)
        try:
            _set(primary, str(waiting.letting_go()))
            line.show(f"checks go to the primary; {WAIT:g} seconds until commits stop waiting")
            sleep(WAIT)
        except KeyboardInterrupt:
            print(
                f"{PROGRAM}: interrupted; commits still wait, and checks go to the primary; run "
                "the command again",
                file=sys.stderr,
            )
            return ExitCode.INTERRUPTED
        finally:
            line.show("")
        _set(primary, str(left))
    if arguments.json:
        print(document(released=arguments.name, synchronous_standby_names=str(left)))
    else:
        print(f"{arguments.name} is released; synchronous_standby_names = '{left}'")
    return ExitCode.DONE


def _setting(primary: "Engine") -> str:
    return _answer(primary, "SHOW synchronous_standby_names")


def _answer(primary: "Engine", question: str) -> str:
    from exam_sharing.adapters.sqlalchemy.engines import in_our_words

    @in_our_words
    def asked() -> str:
        with primary.connect() as connection:
            return str(connection.exec_driver_sql(question).scalar_one())

    return asked()


def _set(primary: "Engine", setting: str) -> None:
    """Set which standbys commits wait for, and see that the server has loaded it."""
    from exam_sharing.adapters.sqlalchemy.engines import in_our_words

    @in_our_words
    def set_system() -> None:
        alone = primary.execution_options(isolation_level="AUTOCOMMIT")
        with alone.connect() as connection:
            quoted = setting.replace("'", "''").replace("%", "%%")
            connection.exec_driver_sql(f"ALTER SYSTEM SET synchronous_standby_names = '{quoted}'")
            connection.exec_driver_sql("SELECT pg_reload_conf()")

    set_system()
    sleep(_LOADED)
    if _setting(primary) != setting:
        raise CommandFailed(
            "the server has another value of synchronous_standby_names: who else sets it?"
        )
