"""A real browser, and people who look at the portal with it.

The browser is Chromium, as Debian or others install it. Playwright drives it, and downloads none.
"""

import shutil
import socket
import threading
import time
from contextlib import ExitStack, contextmanager
from datetime import timedelta

import pytest

from docs_examples import examples, require_portal
from portal_visits import application_of

PROGRAMS = "chromium", "chromium-browser", "google-chrome"
PATIENCE = 20
"""Seconds that a page may take on a busy machine."""


def found_browser():
    """Return the path of a browser on this machine, if there is one."""
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


def require_browser():
    """Skip a test module where there is no browser, or nothing to drive it."""
    require_portal("playwright", "uvicorn")
    if found_browser() is None:
        pytest.skip("no browser: install chromium", allow_module_level=True)


@contextmanager
def served(portal, **settings):
    """Serve a portal, and yield its address."""
    import uvicorn

    app = application_of(portal, relay_pause=timedelta(seconds=0.5), **settings)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(app, log_level="warning", ws="none", timeout_graceful_shutdown=5)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            wait_until(lambda: server.started)
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def wait_until(is_so):
    """Wait until something is so, as that a mail has come."""
    ends = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < ends, "it took too long"
        time.sleep(0.02)


@contextmanager
def people_of(browser, portal, **settings):
    """Serve a portal to people with a browser; fail if a page had an error."""
    with served(portal, **settings) as address:
        those = People(browser, address)
        try:
            yield those
        finally:
            those.close()
    assert those.problems == []


class People:
    """The people in front of their browsers, each with cookies of their own."""

    def __init__(self, browser, address):
        self._browser, self._address = browser, address
        with examples():
            from portal.seeding import PEOPLE
        self._numbers = {name.split()[0]: str(at) for at, (name, *_) in enumerate(PEOPLE, start=1)}
        self._open = ExitStack()
        self.problems = []

    def __call__(self, name, at="/", **options):
        """Open a browser at a page, with somebody signed in, by their first name."""
        context = self._browser.new_context(base_url=self._address, **options)
        self._open.callback(context.close)
        context.set_default_timeout(PATIENCE * 1000)
        page = context.new_page()
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("console", self._note)
        sent = {"form": {"account": self._numbers[name]}, "headers": {"origin": self._address}}
        assert context.request.post("/sign-in", max_redirects=0, **sent).status == 303
        page.goto(at)
        return page

    def close(self):
        self._open.close()

    def _note(self, message):
        # An answer that is an error is no mistake of the page.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.problems.append(message.text)


def open_exam(page, title, tab=None):
    """Click an exam in the list that is shown, and then one of its tabs."""
    page.get_by_role("link", name=title, exact=True).click()
    if tab is not None:
        page.get_by_role("navigation", name="Exam").get_by_role("link", name=tab).click()


def choose(page, text, name):
    """Type into the field for recipients, and click what is suggested."""
    page.get_by_role("combobox").fill(text)
    page.get_by_role("option", name=name).click()


def share(page, *named, button="Share"):
    """Choose recipients by their names, confirm, and click a button of the share form."""
    for name in named:
        choose(page, name[:4], name)
    page.get_by_role("checkbox", name="HIPAA").check()
    page.get_by_role("button", name=button, exact=True).click()


def access_list(page):
    """Return the list of who has access."""
    return page.get_by_role("list", name="People/Group with exam access")


def tabs(page):
    """Return the names of the tabs of an exam, once its page is there."""
    shown = page.get_by_role("navigation", name="Exam")
    shown.wait_for()
    page.wait_for_load_state()
    return shown.get_by_role("link").all_inner_texts()
