"""The tables of a portal with users and teams of its own, with keys of three types."""

from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import attrs
import sqlalchemy as sa
from sqlalchemy import Column, MetaData, Table
from sqlalchemy.orm import Session

from every_directory import ACTOR
from exam_sharing.adapters.sqlalchemy import (
    GroupColumns,
    MemberColumns,
    TableDirectory,
    UserColumns,
    define_directory_tables,
)
from exam_sharing.adapters.sqlalchemy.joined import directory_inside
from exam_sharing.identifiers import GroupId, UserId, principal_of

KEYS = {"text": sa.String(255), "number": sa.BigInteger(), "uuid": sa.Uuid()}


class Portal:
    """Users, teams and memberships, and who is hidden from whom."""

    def __init__(self, keys, prefix="", *, searched=False):
        self.keys, self.metadata, self._directory = keys, MetaData(), None

        def table(name, /, *columns, **others):
            ids = (Column(each, KEYS[keys], index=True) for each in columns)
            rest = (Column(each, kind) for each, kind in others.items())
            return Table(f"{prefix}{keys}_{name}", self.metadata, *ids, *rest)

        text, truth = sa.Text(), sa.Boolean()
        kept = {"name": text, "email": text, "active": truth, "plan": text, "mail": truth}
        self.users = table("users", "id", **kept)
        self.teams = table("teams", "id", title=text)
        self.members = table("members", "user_id", "team_id")
        self.nesting = table("nesting", "inner", "outer")
        self.hidden_users = table("hidden_users", "actor", "hidden")
        self.hidden_teams = table("hidden_teams", "actor", "hidden")
        self.closed_teams = table("closed_teams", "actor", "hidden")
        ours = (
            define_directory_tables(self.metadata, prefix=f"{prefix}{keys}_of_")
            if searched
            else None
        )
        self.search = ours

    def over(self, engine):
        """Return the directory over these tables, the same each time."""
        if self._directory is None:
            self._directory = self.directory(engine, search=self.search)
        return self._directory

    def everybody(self, population, key):
        """Return the ids that everybody of a population has in these tables."""
        principals = (*population.users, *population.groups)
        return [type(each.id)(str(key(each.id))) for each in principals]

    def directory(self, database, *, nested=True, **more):
        """Return a directory over these tables."""

        def unless(hidden, row):
            return lambda actor: (
                ~sa.exists().where(hidden.c.actor == actor, hidden.c.hidden == row.c.id)
            )

        users, teams = self.users, self.teams
        nesting = MemberColumns(member=self.nesting.c.inner, group=self.nesting.c.outer)
        return TableDirectory(
            database,
            users=UserColumns(
                id=users.c.id,
                name=users.c.name,
                email=users.c.email,
                active=users.c.active,
                sharing_in_plan=users.c.plan == "enterprise",
                notices=users.c.mail,
                visible=unless(self.hidden_users, users),
            ),
            groups=GroupColumns(
                id=teams.c.id,
                name=teams.c.title,
                visible=unless(self.hidden_teams, teams),
                members_visible=unless(self.closed_teams, teams),
            ),
            users_in_groups=MemberColumns(
                member=self.members.c.user_id, group=self.members.c.team_id
            ),
            groups_in_groups=nesting if nested else None,
            **more,
        )

    def fill(self, connection, population, key):
        """Put a population into the tables, and nothing else; `key` makes keys of principals."""
        ours = () if self.search is None else self.search.all()
        rows = {table: [] for table in self.metadata.sorted_tables if table not in ours}
        for user in population.users:
            rows[self.users].append(
                {
                    "id": key(user.id),
                    "name": user.name,
                    "email": user.email,
                    "active": user.active,
                    "plan": "basic" if user.id in population.without_plan else "enterprise",
                    "mail": user.id not in population.without_notices,
                }
            )
        for group in population.groups:
            rows[self.teams].append({"id": key(group.id), "title": group.name})
            for member in group.members:
                pair = key(member), key(group.id)
                is_user = isinstance(member, UserId)
                table = self.members if is_user else self.nesting
                rows[table].append(dict(zip(table.c.keys(), pair, strict=True)))
        for actor in (ACTOR, *(user.id for user in population.users)):
            seen, opens = population.visible, population.members_visible
            groups = [group.id for group in population.groups]
            users = [user.id for user in population.users]
            hidden = {
                self.hidden_users: [each for each in users if not seen(actor, each)],
                self.hidden_teams: [each for each in groups if not seen(actor, each)],
                self.closed_teams: [each for each in groups if not opens(actor, each)],
            }
            for table, those in hidden.items():
                rows[table] += ({"actor": key(actor), "hidden": key(each)} for each in those)
        for table, those in rows.items():
            connection.execute(table.delete())
            if those:
                connection.execute(table.insert(), those)


WAYS = ("engine", "session", "joined")


@contextmanager
def opened(portal, engine, way, population) -> Iterator:
    """Open a directory of a population; in a transaction, the population is never committed."""
    names = Numbers(portal.keys, population)

    def fill(connection, changed):
        portal.fill(connection, changed, names.key)
        if portal.search is not None and changed is population:
            portal.over(engine).rebuild_search(connection)
        elif portal.search is not None:
            both = {*portal.everybody(changed, names.key), *portal.everybody(population, names.key)}
            portal.over(engine).update_search(connection, *both)

    def of(connection, directory):
        fill(connection, population)
        named = directory if portal.keys == "text" else Renamed(directory, names)
        named.refill = lambda changed: fill(connection, changed)
        return named

    if way == "engine":

        def refill(changed):
            with engine.begin() as connection:
                fill(connection, changed)

        refill(population)
        directory = portal.over(engine)
        named = directory if portal.keys == "text" else Renamed(directory, names)
        named.refill = refill
        yield named
    elif way == "session":
        with Session(engine) as session:
            session.connection()
            yield of(session, portal.over(engine).over(session))
    else:
        directory = portal.over(engine)
        with engine.connect() as connection, connection.begin():
            yield of(connection, directory_inside(connection, directory))


class Numbers:
    """The keys of a portal for the ids of a population, in the same order."""

    def __init__(self, keys, population):
        self._keys = keys
        users = {each.id for each in population.users} | {ACTOR}
        members = {each for group in population.groups for each in group.members}
        groups = {each.id for each in population.groups}
        everybody = users | members | groups
        self._sorted = {
            kind: sorted(each.value for each in everybody if isinstance(each, kind))
            for kind in (UserId, GroupId)
        }
        self._back = {}
        self._strangers = {}

    def key(self, principal):
        """Return the key of a principal."""
        text = self.renamed(principal).value
        return {"text": str, "number": int, "uuid": UUID}[self._keys](text)

    def renamed(self, principal):
        """Return the principal with the id that it has in the portal."""
        if self._keys == "text":
            return principal
        known = self._sorted[type(principal)]
        place = bisect_left(known, principal.value)
        if known[place : place + 1] == [principal.value]:
            number = 1_000_000 + 10 * place
        else:
            number = self._strangers.setdefault(principal, 8_000_001 + len(self._strangers))
        found = type(principal)(self._text(number))
        self._back[found] = principal
        return found

    def before(self, key):
        """Return a key behind which the same principals are as behind that one."""
        principal = principal_of(key)
        place = bisect_left(self._sorted[type(principal)], principal.value)
        here = self._sorted[type(principal)][place : place + 1] == [principal.value]
        return f"{key[:2]}{self._text(1_000_000 + 10 * place - (0 if here else 5))}"

    def back(self, principal):
        """Return the principal that has this id in the portal."""
        return self._back[principal]

    def _text(self, number):
        return str(number) if self._keys == "number" else str(UUID(int=number))


class Renamed:
    """A directory in which everybody has other ids."""

    def __init__(self, directory, names):
        self._directory, self._names = directory, names

    def principals_of(self, user):
        keys = self._directory.principals_of(self._names.renamed(user))
        return frozenset(self._back(principal_of(key)).key for key in keys)

    def profiles(self, users):
        found = self._directory.profiles(map(self._names.renamed, users))
        return {
            self._back(user): attrs.evolve(
                profile,
                user=self._back(user),
                principals=frozenset(
                    self._back(principal_of(key)).key for key in profile.principals
                ),
            )
            for user, profile in found.items()
        }

    def people_behind(self, principals):
        return self._sets(self._directory.people_behind(map(self._names.renamed, principals)))

    def seen_by(self, actor, principals):
        seen = self._directory.seen_by(
            self._names.renamed(actor), map(self._names.renamed, principals)
        )
        return frozenset(map(self._back, seen))

    def members_seen_by(self, actor, groups):
        return self._sets(
            self._directory.members_seen_by(
                self._names.renamed(actor), map(self._names.renamed, groups)
            )
        )

    def names(self, principals):
        found = self._directory.names(map(self._names.renamed, principals))
        return {self._back(each): name for each, name in found.items()}

    def path(self, user, principal):
        ends = map(self._names.renamed, (user, principal))
        return tuple(map(self._back, self._directory.path(*ends)))

    def suggest(self, actor, text, limit, leave_out, *, whole=False):
        out = frozenset(map(self._names.renamed, leave_out))
        found = self._directory.suggest(self._names.renamed(actor), text, limit, out, whole=whole)
        return tuple((self._back(each), name) for each, name in found)

    def listed(self, actor, after, limit, leave_out):
        out = frozenset(map(self._names.renamed, leave_out))
        behind = None if after is None else (after[0], self._names.before(after[1]))
        found = self._directory.listed(self._names.renamed(actor), behind, limit, out)
        return tuple((self._back(each), name) for each, name in found)

    def _back(self, principal):
        return self._names.back(principal)

    def _sets(self, found):
        return {
            self._back(each): frozenset(map(self._back, those)) for each, those in found.items()
        }
