"""A directory over a host's own tables, whose columns the host names."""

import re
from contextlib import contextmanager, nullcontext
from uuid import UUID

import pytest
from sqlalchemy import (
    Boolean,
    Column,
    Integer,
    MetaData,
    SmallInteger,
    Table,
    Text,
    delete,
    event,
    insert,
    select,
)
from sqlalchemy.orm import Session

from databases import quick_sqlite_engine
from docs_examples import examples
from exam_sharing.adapters.sqlalchemy import (
    GroupColumns,
    MemberColumns,
    TableDirectory,
    UserColumns,
    joined,
)
from exam_sharing.adapters.sqlalchemy.joined import directory_inside
from exam_sharing.errors import InvalidArgument, StoreFailed, WrongKind
from exam_sharing.identifiers import GroupId, UserId
from exam_sharing.memory.directory import MemoryDirectory
from exam_sharing.policy.facts import Profile
from exam_sharing.principals import Group, User
from exam_sharing.testing.laws import Population, directory_laws
from portal_tables import Numbers, Portal, Renamed, opened


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def engine(request):
    return request.getfixturevalue(request.param)


def laws(open_directory, **about):
    def change(directory, population):
        directory.refill(population)

    found = directory_laws(open_directory, change=change, examples=4, **about)
    return {law.name: law for law in found}


WAYS = [("text", "engine"), ("number", "joined"), ("uuid", "session")]


@pytest.fixture(scope="module", params=WAYS, ids=" over ".join)
def open_directory(request, engine):
    keys, way = request.param
    portal = Portal(keys)
    portal.metadata.create_all(engine)
    return lambda population: opened(portal, engine, way, population)


@pytest.mark.parametrize("name", laws(MemoryDirectory))
def test_a_directory_over_the_tables_of_a_portal_keeps_the_law(name, open_directory):
    laws(open_directory)[name].check()


class FlatExample:
    """The directory of the docs, with the ids of a population as whole numbers."""

    def __init__(self, engine, portal):
        self.engine, self.portal = engine, portal
        portal.Base.metadata.create_all(engine)
        self.directory = portal.portal_directory(engine)

    def fill(self, population, names):
        of = self.portal
        with Session(self.engine) as session, session.begin():
            for model in (of.TeamMember, of.Account, of.Team):
                session.execute(delete(model))
            for user in population.users:
                account = {"id": names.key(user.id), "name": user.name, "email": user.email}
                if user.id in population.without_plan:
                    account["plan"] = "basic"
                wants = user.id not in population.without_notices
                session.add(of.Account(**account, active=user.active, wants_mail=wants))
            for group in population.groups:
                session.add(of.Team(id=names.key(group.id), name=group.name))
                for member in group.members:
                    pair = {"account_id": names.key(member), "team_id": names.key(group.id)}
                    session.execute(insert(of.TeamMember), pair)

    def opened(self, population):
        names = Numbers("number", population)
        self.fill(population, names)
        renamed = Renamed(self.directory, names)
        renamed.refill = lambda changed: self.fill(changed, names)
        return renamed


@pytest.fixture(scope="module")
def flat_example(tmp_path_factory):
    with examples():
        import portal_directory
    engine = quick_sqlite_engine(tmp_path_factory.mktemp("flat") / "portal.db")
    yield FlatExample(engine, portal_directory)
    engine.dispose()


@pytest.fixture(scope="module")
def open_searched(engine):
    ways = {"sqlite": ("text", "joined"), "postgresql": ("uuid", "engine")}
    keys, way = ways[engine.dialect.name]
    portal = Portal(keys, prefix="searched_", searched=True)
    portal.metadata.create_all(engine)
    return lambda population: opened(portal, engine, way, population)


OF_SEARCH = [
    name
    for name in laws(MemoryDirectory)
    if re.search("sugg|list|answer|word|match|hidden|random|code-point|distinct|two-princ", name)
]


@pytest.mark.parametrize("name", OF_SEARCH)
def test_a_directory_with_tables_for_its_search_keeps_the_law(name, open_searched):
    laws(open_searched)[name].check()


FLAT = {"nested": False, "visibility": False}


@pytest.mark.parametrize("name", laws(MemoryDirectory, **FLAT))
def test_the_directory_of_the_docs_keeps_the_law(name, flat_example):
    laws(flat_example.opened, **FLAT)[name].check()


ANN, BOB = User(id=UserId("17"), name="Ann"), User(id=UserId("18"), name="Bob")
WARD = Group(id=GroupId("5"), name="Ward", members=frozenset({ANN.id}))


@pytest.fixture
def numbered(engine):
    """Opens the tables of a portal with whole numbers as keys, and some people in them."""
    portal = Portal("number", prefix="own_")
    portal.metadata.create_all(engine)

    def fill(*everybody, connection=None):
        users = tuple(each for each in everybody if isinstance(each, User))
        groups = tuple(each for each in everybody if isinstance(each, Group))
        with nullcontext(connection) if connection else engine.begin() as inside:
            portal.fill(inside, Population(users=users, groups=groups), number_of)
        return portal

    return fill


def number_of(principal):
    return int(principal.value) if principal.value.isdigit() else -1


SPELLINGS = ["017", "+17", " 17", "17 ", "17.0", "1_7", "\u0661\u0667", "1e1", "0x11", "seventeen"]
TOO_LARGE = ["2147483648", "9223372036854775808", "-9223372036854775809", "9" * 255]


@pytest.mark.parametrize("text", [*(s for s in SPELLINGS if s == s.strip()), *TOO_LARGE, "-17"])
def test_only_one_text_names_a_number(engine, numbered, text):
    directory = numbered(ANN, WARD).over(engine)
    user, group = UserId(text), GroupId(text)
    assert directory.principals_of(user) == frozenset()
    assert directory.profiles([user, ANN.id])[user] == Profile.unknown(user)
    assert directory.names([user, group, ANN.id]) == {ANN.id: "Ann"}
    assert directory.seen_by(ANN.id, [user, group]) == frozenset()
    assert directory.seen_by(user, [ANN.id]) <= {ANN.id}
    assert directory.people_behind([user, group]) == {user: frozenset(), group: frozenset()}
    assert directory.members_seen_by(user, [group]) == {group: frozenset()}
    assert directory.path(user, WARD.id) == ()


def test_only_one_text_names_a_uuid(engine):
    portal = Portal("uuid", prefix="own_")
    portal.metadata.create_all(engine)
    key = UUID("c0ffee00-0000-4000-8000-0000000000aa")
    with engine.begin() as connection:
        row = {"id": key, "name": "Ann", "active": True, "plan": "enterprise", "mail": True}
        connection.execute(portal.users.delete())
        connection.execute(portal.users.insert(), row)
    directory = portal.over(engine)
    assert directory.names([UserId(str(key))]) == {UserId(str(key)): "Ann"}
    for text in (str(key).upper(), key.hex, f"{{{key}}}", key.urn, "1"):
        assert directory.names([UserId(text)]) == {}
        assert directory.principals_of(UserId(text)) == frozenset()


def test_a_smaller_column_knows_no_larger_number(engine):
    small = Table("small_users", MetaData(), Column("id", SmallInteger), Column("name", Text))
    small.create(engine, checkfirst=True)
    directory = TableDirectory(engine, users=UserColumns(id=small.c.id, name=small.c.name))
    for text in ("32768", *TOO_LARGE):
        assert directory.principals_of(UserId(text)) == frozenset()


@contextmanager
def no_further_connection(engine):
    """Fail if anything takes a connection from the pool."""
    taken = []

    def take(*_):
        taken.append(1)

    event.listen(engine, "checkout", take)
    yield
    event.remove(engine, "checkout", take)
    assert taken == []


def ask_everything(directory):
    everybody = (ANN.id, BOB.id, WARD.id)
    directory.profiles([ANN.id])
    directory.people_behind(everybody)
    directory.seen_by(ANN.id, everybody)
    directory.members_seen_by(ANN.id, [WARD.id])
    directory.names(everybody)
    directory.path(ANN.id, WARD.id)
    directory.suggest(ANN.id, "b", 9, frozenset())
    directory.listed(ANN.id, None, 9, frozenset())


def test_a_transaction_sees_its_own_rows_over_one_connection(engine, numbered):
    directory = numbered().over(engine)
    with engine.connect() as connection, connection.begin() as transaction:
        numbered(ANN, BOB, WARD, connection=connection)
        with no_further_connection(engine):
            for inside in (directory.over(connection), directory_inside(connection, directory)):
                ask_everything(inside)
            sharing = joined(connection, directory=directory)
            assert sharing.viewer(ANN.id).principals == {"u:17", "g:5"}
        transaction.rollback()
    assert directory.principals_of(ANN.id) == frozenset()


def test_a_session_sees_what_it_has_not_flushed(flat_example):
    flat_example.fill(Population(), None)
    account = flat_example.portal.Account
    directory = flat_example.directory
    with Session(flat_example.engine) as session:
        inside = directory.over(session)
        assert inside.principals_of(ANN.id) == frozenset()
        session.add(account(id=17, name="Ann"))
        with no_further_connection(flat_example.engine):
            assert inside.principals_of(ANN.id) == {"u:17"}
            ask_everything(inside)
        session.rollback()
        assert inside.principals_of(ANN.id) == frozenset()


def test_expressions_conditions_and_subqueries_are_accepted(engine):
    """Deleted groups, names in two columns, a plan in another table, and memberships in a user."""
    metadata = MetaData()
    plans = Table("own_plans", metadata, Column("id", Integer), Column("sharing", Boolean))
    people = Table(
        *("own_people", metadata, Column("id", Integer), Column("unit", Integer)),
        *(Column("first", Text), Column("last", Text), Column("plan", Integer)),
        *(Column("locked", Boolean), Column("deleted_at", Text)),
    )
    units = Table(
        *("own_units", metadata, Column("id", Integer), Column("title", Text)),
        *(Column("inside", Integer), Column("deleted", Boolean)),
    )
    metadata.create_all(engine, checkfirst=True)
    planned = select(people, plans.c.sharing).outerjoin(plans, plans.c.id == people.c.plan)
    users = planned.subquery().c
    directory = TableDirectory(
        engine,
        users=UserColumns(
            id=users.id,
            name=users.first + " " + users.last,
            active=~users.locked,
            sharing_in_plan=users.sharing,
            notices=False,
            where=users.deleted_at.is_(None),
        ),
        groups=GroupColumns(id=units.c.id, name=units.c.title, where=~units.c.deleted),
        users_in_groups=MemberColumns(member=people.c.id, group=people.c.unit),
        groups_in_groups=MemberColumns(member=units.c.id, group=units.c.inside),
    )
    person = {"first": "Ann", "last": "Lee", "plan": 1, "locked": False, "deleted_at": None}
    with engine.begin() as connection:
        for table in metadata.sorted_tables:
            connection.execute(table.delete())
        connection.execute(insert(plans), {"id": 1, "sharing": True})
        connection.execute(
            insert(people),
            [
                {**person, "id": 1, "unit": 10},
                {**person, "id": 2, "unit": 11, "plan": None},
                {**person, "id": 3, "unit": 10, "deleted_at": "today"},
                {**person, "id": 4, "unit": 12, "locked": None, "first": None},
            ],
        )
        connection.execute(
            insert(units),
            [
                {"id": 10, "title": "CT", "inside": 12, "deleted": False},
                {"id": 11, "title": "Gone", "inside": 12, "deleted": True},
                # A cycle: the host should have prevented it.
                {"id": 12, "title": None, "inside": 10, "deleted": False},
            ],
        )
    one, two, three, four = (UserId(str(number)) for number in (1, 2, 3, 4))
    ct, gone, whole = (GroupId(str(number)) for number in (10, 11, 12))
    profiles = directory.profiles([one, two, three, four])
    assert profiles[one] == Profile(
        user=one, active=True, principals=frozenset({"u:1", "g:10", "g:12"}), sharing_in_plan=True
    )
    assert profiles[two] == Profile(user=two, active=True, principals=frozenset({"u:2"}))
    assert profiles[three] == Profile.unknown(three)
    assert not profiles[four].active
    assert directory.principals_of(four) == directory.principals_of(three) == frozenset()
    assert directory.people_behind([whole, gone]) == {whole: {one}, gone: frozenset()}
    members = directory.members_seen_by(one, [whole, gone])
    assert members == {whole: {one, ct, whole}, gone: frozenset()}
    assert directory.path(one, gone) == directory.path(two, whole) == ()
    assert directory.path(one, whole) == (one, ct, whole)
    named = {one: "Ann Lee", two: "Ann Lee", ct: "CT", whole: "", four: ""}
    assert directory.names([one, two, three, four, ct, gone, whole]) == named
    found = directory.suggest(one, "lee ann", 9, frozenset({one}))
    assert found == ((two, "Ann Lee"),)
    assert [each for each, _ in directory.listed(one, None, 9, frozenset())] == [
        whole,
        one,
        two,
        ct,
    ]


def test_a_row_whose_id_is_no_identifier_is_nobody(engine):
    table = Table("own_odd", MetaData(), Column("id", Text), Column("name", Text))
    team = Table("own_odd_team", table.metadata, Column("user", Text), Column("team", Text))
    table.metadata.create_all(engine, checkfirst=True)
    ids = table.alias()
    directory = TableDirectory(
        engine,
        users=UserColumns(id=table.c.id, name=table.c.name),
        groups=GroupColumns(id=ids.c.id, name=ids.c.name),
        users_in_groups=MemberColumns(member=team.c.user, group=team.c.team),
    )
    odd = ["", " ann", "ann ", "a\nb", "x" * 256]
    with engine.begin() as connection:
        connection.execute(table.delete())
        connection.execute(team.delete())
        connection.execute(insert(table), [{"id": each, "name": "Ann"} for each in (*odd, "ann")])
        connection.execute(insert(team), [{"user": "ann", "team": each} for each in odd])
        connection.execute(insert(team), [{"user": each, "team": "ann"} for each in odd])
    ann, team_of_ann = UserId("ann"), GroupId("ann")
    both = ((team_of_ann, "Ann"), (ann, "Ann"))
    assert directory.suggest(ann, "ann", 20, frozenset()) == both
    assert directory.principals_of(ann) == {"u:ann"}
    assert directory.people_behind([team_of_ann]) == {team_of_ann: frozenset()}
    assert directory.members_seen_by(ann, [team_of_ann]) == {team_of_ann: frozenset()}


COLUMNS = Portal("number").users.c
OTHERS = Portal("text").users.c
GOOD = {"id": COLUMNS.id, "name": COLUMNS.name}


@pytest.mark.parametrize(
    ("wrong", "error", "field"),
    [
        ({"users": None}, WrongKind, "users"),
        ({"users": UserColumns(**GOOD | {"id": "id"})}, WrongKind, "users.id"),
        ({"users": UserColumns(**GOOD | {"id": COLUMNS.active})}, InvalidArgument, "users.id"),
        ({"users": UserColumns(**GOOD | {"name": OTHERS.name})}, InvalidArgument, "users"),
        ({"users": UserColumns(**GOOD, active=COLUMNS.plan)}, InvalidArgument, "users.active"),
        ({"users": UserColumns(**GOOD, visible=True)}, InvalidArgument, "users.visible"),
        ({"users": UserColumns(**GOOD, visible=lambda _: 1)}, WrongKind, "users.visible"),
        ({"groups": UserColumns(**GOOD)}, WrongKind, "groups"),
        ({"groups": None}, InvalidArgument, "groups"),
        (
            {"users_in_groups": MemberColumns(member=OTHERS.id, group=OTHERS.id)},
            *(InvalidArgument, "users_in_groups.member"),
        ),
        (
            {"users_in_groups": MemberColumns(member=COLUMNS.id, group=COLUMNS.name)},
            *(InvalidArgument, "users_in_groups.group"),
        ),
        ({"database": "sqlite://"}, InvalidArgument, "engine"),
    ],
)
def test_columns_that_do_not_fit_are_errors(engine, wrong, error, field):
    given = {
        "database": engine,
        "users": UserColumns(**GOOD),
        "groups": GroupColumns(**GOOD),
        "users_in_groups": MemberColumns(member=COLUMNS.id, group=COLUMNS.id),
    }
    with pytest.raises(error, match=field):
        TableDirectory(**given | wrong)


def test_without_groups_everybody_is_alone(engine, numbered):
    users = numbered(ANN, BOB, WARD).users.c
    directory = TableDirectory(engine, users=UserColumns(id=users.id, name=users.name))
    assert directory.principals_of(ANN.id) == {"u:17"}
    assert directory.people_behind([WARD.id, ANN.id]) == {WARD.id: set(), ANN.id: {ANN.id}}
    ask_everything(directory)


def test_missing_tables_are_an_error_of_ours(engine):
    users = Portal("number", prefix="missing_").users.c
    directory = TableDirectory(engine, users=UserColumns(id=users.id, name=users.name))
    with pytest.raises(StoreFailed) as raised:
        directory.principals_of(ANN.id)
    assert raised.value.__context__ is None


@pytest.fixture
def searched(engine):
    portal = Portal("number", prefix="found_", searched=True)
    portal.metadata.create_all(engine)
    with engine.begin() as connection:
        portal.fill(connection, Population(users=(ANN, BOB), groups=(WARD,)), number_of)
        portal.over(engine).rebuild_search(connection)
    return portal


def found(directory, text, actor=ANN.id):
    return [name for _, name in directory.suggest(actor, text, 9, frozenset())]


def listed(directory):
    return [name for _, name in directory.listed(ANN.id, None, 9, frozenset())]


def test_a_search_shows_what_the_tables_of_the_host_have_now(engine, searched):
    """Even if the host forgot to update the search."""
    directory, users = searched.over(engine), searched.users
    of_bob = users.c.id == 18
    assert found(directory, "bob") == ["Bob"]
    assert [name for _, name in directory.listed(ANN.id, None, 9, frozenset())] == [
        "Ann",
        "Bob",
        "Ward",
    ]
    for change, name in (
        ({"name": "Bobby"}, ["Bobby"]),
        ({"name": "Zoe"}, []),
        ({"name": "Bob", "active": False}, []),
    ):
        with engine.begin() as connection:
            connection.execute(users.update().where(of_bob).values(change))
        assert found(directory, "bob") == name
    with engine.begin() as connection:
        connection.execute(users.delete().where(of_bob))
        connection.execute(searched.teams.delete())
    assert found(directory, "bob") == found(directory, "ward") == []
    assert listed(directory) == ["Ann"]


def test_a_change_and_its_search_are_rolled_back_together(engine, searched):
    directory, users = searched.over(engine), searched.users
    with engine.connect() as connection, connection.begin() as transaction:
        row = {"id": 19, "name": "Zoe", "active": True, "plan": "enterprise", "mail": True}
        connection.execute(users.insert(), row)
        connection.execute(users.delete().where(users.c.id == 18))
        with no_further_connection(engine):
            directory.update_search(connection, UserId("19"), BOB.id, UserId("017"))
            inside = directory_inside(connection, directory)
            assert found(inside, "zoe") == ["Zoe"]
            assert found(inside, "bob") == []
        transaction.rollback()
    assert found(directory, "zoe") == []
    assert found(directory, "bob") == ["Bob"]


def test_a_search_without_tables_cannot_be_updated(engine, numbered):
    directory = numbered(ANN).over(engine)
    with engine.begin() as connection:
        for update in (directory.rebuild_search, directory.update_search):
            with pytest.raises(InvalidArgument, match="search must be given"):
                update(connection)


def test_a_search_is_updated_in_a_session(engine, searched):
    directory = searched.over(engine)
    with Session(engine) as session, session.begin():
        session.execute(searched.users.update().values(name="Zoe"))
        directory.update_search(session, ANN.id)
        assert found(directory.over(session), "zoe") == ["Zoe"]
        directory.rebuild_search(session)
        assert found(directory.over(session), "zoe") == ["Zoe", "Zoe"]
        session.rollback()


def test_a_search_is_updated_in_a_transaction(engine, searched):
    with pytest.raises(InvalidArgument, match="transaction is an engine"):
        searched.over(engine).rebuild_search(engine)
