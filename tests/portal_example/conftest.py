"""The portal of the docs, opened over a copy of one database that has its cast and a CD."""

import shutil
from contextlib import ExitStack

import pytest

from databases import created_database
from portal_browsers import found_browser, people_of
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

    def open_copy(medium=None, **settings):
        path = tmp_path / "portal.db"
        if medium is None:
            shutil.copy(seeded, path)
        return opened(f"sqlite:///{path}", medium=medium, **settings)

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


@pytest.fixture(scope="module")
def browser():
    """A browser, started once for a module: while it runs, its thread can run no event loop."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # Root may not use its sandbox.
        started = playwright.chromium.launch(
            executable_path=found_browser(), args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield started
        started.close()


@pytest.fixture
def people(browser, portal):
    """Open a browser for somebody who signs in."""
    with people_of(browser, portal) as those:
        yield those


@pytest.fixture
def people_with(browser, open_one):
    """The same, of a portal with settings of its own."""
    with ExitStack() as opening:

        def open_people(page_size=20, **settings):
            portal = opening.enter_context(open_one(**settings))
            return portal, opening.enter_context(people_of(browser, portal, page_size=page_size))

        yield open_people
