"""The portal of the docs, opened over a copy of one database that has its cast and a CD."""

import shutil

import pytest

from databases import created_database
from portal_visits import opened, visitors_of


@pytest.fixture(scope="session")
def seeded(tmp_path_factory):
    """A file of SQLite with the portal as everybody finds it at first."""
    path = tmp_path_factory.mktemp("portal") / "portal.db"
    with opened(f"sqlite:///{path}"):
        return path


@pytest.fixture
def open_one(seeded, tmp_path):
    """Open a portal with settings of its own."""

    def open_copy(**settings):
        path = shutil.copy(seeded, tmp_path / "portal.db")
        return opened(f"sqlite:///{path}", **settings)

    return open_copy


@pytest.fixture
def portal(open_one):
    with open_one() as portal:
        yield portal


@pytest.fixture
def visitor(portal):
    """Sign somebody in, by their first name, or nobody."""
    return visitors_of(portal)


@pytest.fixture(params=["sqlite", "postgresql"])
def visitor_of_either(request):
    """The same over each kind of database."""
    if request.param == "sqlite":
        yield request.getfixturevalue("visitor")
        return
    server = request.getfixturevalue("postgresql_server")
    with created_database(server) as url, opened(url) as portal:
        yield visitors_of(portal)
