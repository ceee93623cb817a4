"""`exam-sharing init`, `add-user`, `add-group` and `people`: the database and its directory."""

from argparse import Namespace
from collections.abc import Iterator
from typing import Final

from exam_sharing import Group, User
from exam_sharing.cli import parsing
from exam_sharing.cli import printing as out
from exam_sharing.cli.commands import ExitCode, Portal, command
from exam_sharing.cli.parsing import DATABASE, argument, flag, no_flag, spelled
from exam_sharing.cli.printing import Reply, Shown, portal_command
from exam_sharing.cli.words import Words
from exam_sharing.directories import Account, KeptDirectory, Known


@command(
    "init",
    "create the tables of a database",
    DATABASE,
    epilog="""\
A file that does not exist is created, and only you can read it. Tables that exist are left as they
are; the command reports whether this version can use them.

examples:
  exam-sharing init
  exam-sharing init --db clinic.db
  exam-sharing init --db postgresql+psycopg://portal@db.example/sharing

Set EXAM_SHARING_DB once, and no command needs --db. Put a password into EXAM_SHARING_DB, PGPASSWORD
or a password file: others on this machine can see arguments.
""",
)
def init(arguments: Namespace) -> ExitCode:
    out.require_extras(arguments)
    from exam_sharing.adapters.sqlalchemy.tables import SCHEMA
    from exam_sharing.cli.database import prepared

    place, created = prepared(arguments.db)
    done = "created the tables" if created else "the tables already exist, in this version"
    reply = Reply(
        "tables",
        {"place": place, "created": created, "shape": SCHEMA},
        lambda _words: out.yes(f"{done}: {place}"),
        done="the tables are there",
    )
    return out.print_reply(reply, arguments, Words(names={}))


@command(
    "upgrade",
    "bring the tables of an earlier release to the shape that this release needs",
    DATABASE,
    epilog="""\
Stop the processes of the earlier release, and back up the database: a later release cannot be
replaced by an earlier one. Several processes may upgrade at once. A step that fails, or is killed,
changes nothing; run the command again.

examples:
  exam-sharing upgrade
  exam-sharing upgrade --db postgresql+psycopg://portal@db.example/sharing
""",
)
def upgrade(arguments: Namespace) -> ExitCode:
    out.require_extras(arguments)
    from exam_sharing.adapters.sqlalchemy.tables import SCHEMA
    from exam_sharing.cli.database import upgraded

    place, found = upgraded(arguments.db)
    done = f"upgraded the tables from shape {found} to {SCHEMA}"
    if found == SCHEMA:
        done = f"the tables are up to date, of shape {SCHEMA}"
    reply = Reply(
        "upgraded",
        {"place": place, "found": found, "shape": SCHEMA},
        lambda _words: out.yes(f"{done}: {place}"),
        done="the tables are up to date",
    )
    return out.print_reply(reply, arguments, Words(names={}))


def _kept(known: Known, portal: Portal) -> Reply:
    directory = portal.directory
    added = known.user if isinstance(known, Account) else known
    replaced = added.id in directory.names((added.id,))
    verb = "replaced" if replaced else "added"
    if isinstance(known, Account):
        directory.add(known.user, sharing_in_plan=known.sharing_in_plan, notices=known.notices)
        about = ", ".join([known.user.email or "no e-mail", *_notes(known)])
    else:
        directory.add(known)
        about = f"a group of {_members(known) or 'nobody'}"
    return Reply(
        "kept",
        {"kept": known, "replaced": replaced},
        lambda words: out.yes(f"{verb}: {words.who(added.id)}, {about}"),
        done="the directory was changed",
    )


def _members(group: Group) -> str:
    return ", ".join(sorted(map(spelled, group.members)))


def _notes(account: Account) -> Iterator[str]:
    if not account.user.active:
        yield "inactive"
    if not account.sharing_in_plan:
        yield "no sharing in the plan"
    if not account.notices:
        yield "no notices"


_NAME: Final = argument("--name NAME", "the name that colleagues know", required=True)


@portal_command(
    "add-user",
    "add a user to the directory, or replace one",
    argument("user ID", "the id of the user", parsing.user),
    _NAME,
    argument("--email ADDRESS", "one address; without it, no mail reaches them"),
    no_flag("--no-sharing", "their service plan does not include sharing"),
    no_flag("--no-notices", "they want no notices of shares"),
    flag("--inactive", "they hold nothing and may not act"),
    epilog="""\
The same id again replaces all that is kept of the user: options that are left out return to their
defaults. An inactive user holds nothing and may not act; what they shared stays.

examples:
  exam-sharing add-user anna --name "Anna Kovács" --email anna.kovacs@clinic.example
  exam-sharing add-user sam --name "Sam Okafor" --no-sharing
  exam-sharing add-user radu --name "Radu Ionescu" --inactive
""",
)
def add_user(arguments: Namespace, portal: Portal) -> Reply:
    added = User(
        id=arguments.user, name=arguments.name, email=arguments.email, active=not arguments.inactive
    )
    known = Account(user=added, sharing_in_plan=arguments.sharing, notices=arguments.notices)
    return _kept(known, portal)


@portal_command(
    "add-group",
    "add a group to the directory, or replace one",
    argument("group ID", "the id of the group", parsing.group),
    _NAME,
    argument(
        "--member MEMBER",
        "users and groups; may be repeated",
        parsing.principal,
        nargs="+",
        action="extend",
        default=[],
    ),
    epilog="""\
The same id again replaces the group and its members. Members are users, typed ID or user:ID, and
groups, typed group:ID; they must be in the directory, and no group may contain itself.

examples:
  exam-sharing add-group night-shift --name "Night shift" --member chloe
  exam-sharing add-group radiology --name Radiology --member priya --member group:night-shift
""",
)
def add_group(arguments: Namespace, portal: Portal) -> Reply:
    portal.require_known("--member", *arguments.member)
    group = Group(id=arguments.group, name=arguments.name, members=arguments.member)
    return _kept(group, portal)


@portal_command(
    "people",
    "list the users and groups of the directory",
    epilog="""\
Everybody is listed, inactive users too: this is for whoever runs the portal.

examples:
  exam-sharing people
  exam-sharing people --json
""",
)
def people(_arguments: Namespace, portal: Portal) -> Reply:
    everybody = tuple(_everybody(portal.directory))
    users = tuple(each for each in everybody if isinstance(each, Account))
    groups = tuple(each for each in everybody if isinstance(each, Group))

    def show(_words: Words) -> Shown:
        if not everybody:
            return "Nobody yet: exam-sharing add-user"
        rows: list[tuple[str, ...]] = [
            (spelled(one.user.id), one.user.name, one.user.email or "", ", ".join(_notes(one)))
            for one in users
        ]
        tables = [out.ids_table("user", "name", "e-mail", "", rows=rows)]
        if groups:
            rows = [(spelled(each.id), each.name, _members(each)) for each in groups]
            tables += ["", out.ids_table("group", "name", "members", rows=rows)]
        return out.stacked(*tables)

    return Reply("people", {"users": users, "groups": groups}, show)


def _everybody(directory: KeptDirectory) -> Iterator[Known]:
    page = directory.known()
    while page:
        yield from page
        last = page[-1]
        page = directory.known(last.id if isinstance(last, Group) else last.user.id)
