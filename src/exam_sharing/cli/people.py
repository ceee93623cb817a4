"""`exam-sharing init`, `add-user`, `add-group` and `people`: the database and its directory."""

from argparse import Namespace
from collections.abc import Iterator
from typing import ClassVar, Final

import attrs
from typing_extensions import override

from exam_sharing import Group, GroupId, User
from exam_sharing.cli.commands import Command, ExitCode, Portal
from exam_sharing.cli.parsing import (
    DATABASE,
    argument,
    flag,
    no_flag,
    principal,
    read_as,
    spelled,
    user,
)
from exam_sharing.cli.printing import (
    Reply,
    Shown,
    ids_table,
    over_portal,
    print_reply,
    require_extras,
    stacked,
    yes,
)
from exam_sharing.cli.words import Words
from exam_sharing.directories import Account, Known


@attrs.frozen(kw_only=True)
class TablesReady(Reply):
    """The tables are in the database; `shape` is the number of their version."""

    kind = "tables"
    done: ClassVar[str | None] = "the tables are there"
    place: str
    created: bool
    shape: int

    @override
    def show(self, words: Words) -> Shown:
        done = "created the tables" if self.created else "the tables already exist, in this version"
        return yes(f"{done}: {self.place}")


@attrs.frozen(kw_only=True)
class PrincipalKept(Reply):
    """A user or a group is in the directory, perhaps in place of an earlier one."""

    kind = "kept"
    done: ClassVar[str | None] = "the directory was changed"
    kept: Known
    replaced: bool

    @override
    def show(self, words: Words) -> Shown:
        verb = "replaced:" if self.replaced else "added:"
        if isinstance(self.kept, Group):
            members = _members(self.kept) or "nobody"
            return yes(f"{verb} {words.who(self.kept.id)}, a group of {members}")
        notes = [self.kept.user.email or "no e-mail", *_notes(self.kept)]
        return yes(f"{verb} {words.who(self.kept.user.id)}, {', '.join(notes)}")


@attrs.frozen(kw_only=True)
class PeopleShown(Reply):
    """All who are in the directory, by their ids."""

    kind = "people"
    users: tuple[Account, ...]
    groups: tuple[Group, ...]

    @override
    def show(self, words: Words) -> Shown:
        if not (self.users or self.groups):
            return "Nobody yet: exam-sharing add-user"
        users = [
            (spelled(one.user.id), one.user.name, one.user.email or "", ", ".join(_notes(one)))
            for one in self.users
        ]
        groups = [(spelled(each.id), each.name, _members(each)) for each in self.groups]
        people = ids_table("user", "name", "e-mail", "", rows=users)
        if not groups:
            return people
        return stacked(people, "", ids_table("group", "name", "members", rows=groups))


def _members(group: Group) -> str:
    return ", ".join(sorted(map(spelled, group.members)))


def _notes(account: Account) -> Iterator[str]:
    if not account.user.active:
        yield "inactive"
    if not account.sharing_in_plan:
        yield "no sharing in the plan"
    if not account.notices:
        yield "no notices"


def _init(arguments: Namespace, version: str) -> ExitCode:
    require_extras(arguments)
    from exam_sharing.adapters.sqlalchemy.tables import SCHEMA
    from exam_sharing.cli.database import prepared

    place, created = prepared(arguments.db)
    reply = TablesReady(place=place, created=created, shape=SCHEMA)
    print_reply(reply, arguments, version, Words(names={}))
    return ExitCode.DONE


INIT: Final = Command(
    name="init",
    help="create the tables of a database",
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
    arguments=(DATABASE,),
    run=_init,
)


def _add_user(arguments: Namespace, portal: Portal) -> PrincipalKept:
    added = User(
        id=arguments.user, name=arguments.name, email=arguments.email, active=not arguments.inactive
    )
    kept = Account(user=added, sharing_in_plan=arguments.sharing, notices=arguments.notices)
    replaced = added.id in portal.directory.names((added.id,))
    portal.directory.add(added, sharing_in_plan=kept.sharing_in_plan, notices=kept.notices)
    return PrincipalKept(kept=kept, replaced=replaced)


_NAME: Final = argument("--name NAME", "the name that colleagues know", required=True)

ADD_USER: Final = Command(
    name="add-user",
    help="add a user to the directory, or replace one",
    epilog="""\
The same id again replaces all that is kept of the user: options that are left out return to their
defaults. An inactive user holds nothing and may not act; what they shared stays.

examples:
  exam-sharing add-user anna --name "Anna Kovács" --email anna.kovacs@clinic.example
  exam-sharing add-user sam --name "Sam Okafor" --no-sharing
  exam-sharing add-user radu --name "Radu Ionescu" --inactive
""",
    arguments=(
        DATABASE,
        argument("user ID", "the id of the user", user),
        _NAME,
        argument("--email ADDRESS", "one address; without it, no mail reaches them"),
        no_flag("--no-sharing", "their service plan does not include sharing"),
        no_flag("--no-notices", "they want no notices of shares"),
        flag("--inactive", "they hold nothing and may not act"),
    ),
    run=over_portal(_add_user),
)


def _add_group(arguments: Namespace, portal: Portal) -> PrincipalKept:
    portal.require_known("--member", *arguments.member)
    added = Group(id=arguments.group, name=arguments.name, members=arguments.member)
    replaced = added.id in portal.directory.names((added.id,))
    portal.directory.add(added)
    return PrincipalKept(kept=added, replaced=replaced)


@read_as
def _group(text: str) -> GroupId:
    return GroupId(text.removeprefix("group:"))


ADD_GROUP: Final = Command(
    name="add-group",
    help="add a group to the directory, or replace one",
    epilog="""\
The same id again replaces the group and its members. Members are users, typed ID or user:ID, and
groups, typed group:ID; they must be in the directory, and no group may contain itself.

examples:
  exam-sharing add-group night-shift --name "Night shift" --member chloe
  exam-sharing add-group radiology --name Radiology --member priya --member group:night-shift
""",
    arguments=(
        DATABASE,
        argument("group ID", "the id of the group", _group),
        _NAME,
        argument(
            "--member MEMBER",
            "users and groups; may be repeated",
            principal,
            nargs="+",
            action="extend",
            default=[],
        ),
    ),
    run=over_portal(_add_group),
)


def _people(_arguments: Namespace, portal: Portal) -> PeopleShown:
    everybody = tuple(portal.everybody())
    return PeopleShown(
        users=tuple(each for each in everybody if isinstance(each, Account)),
        groups=tuple(each for each in everybody if isinstance(each, Group)),
    )


PEOPLE: Final = Command(
    name="people",
    help="list the users and groups of the directory",
    epilog="""\
Everybody is listed, inactive users too: this is for whoever runs the portal.

examples:
  exam-sharing people
  exam-sharing people --json
""",
    arguments=(DATABASE,),
    run=over_portal(_people),
)
