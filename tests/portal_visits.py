"""The portal of the docs for tests, and those who visit it without a browser."""

import html
import re
from contextlib import contextmanager

from docs_examples import examples

HERE = "http://127.0.0.1"


@contextmanager
def opened(database, **settings):
    """Open the portal over a database, with the arguments of `open_portal`."""
    with examples():
        from portal.opening import open_portal
    portal = open_portal(database, **settings)
    try:
        yield portal
    finally:
        portal.close()


def application_of(portal, **settings):
    with examples():
        from portal.app import create_app
    return create_app(portal, **settings)


def visitors_of(portal, **settings):
    """Return a function that signs somebody in, by their first name, or nobody."""
    from fastapi.testclient import TestClient

    app = application_of(portal, **settings)
    return lambda name=None: Visitor(TestClient(app, base_url=HERE), name)


class Visitor:
    """Somebody with a browser that runs no scripts and shows no pictures."""

    def __init__(self, client, name=None):
        self.client = client
        if name is not None:
            found = re.search(rf'value="(\d+)">{name}', self.get("/sign-in").text)
            assert self.post("/sign-in", account=found[1]).status_code == 303

    def get(self, address, **options):
        return self.client.get(address, follow_redirects=False, **options)

    def post(self, address, headers=None, **fields):
        sent = {"origin": HERE, "sec-fetch-site": "same-origin"} if headers is None else headers
        return self.client.post(address, data=fields, headers=sent, follow_redirects=False)

    def form(self, exam, **filled):
        """Return the fields of the share form as its page has them, with some filled in."""
        page = self.get(f"/exams/{exam}/share")
        assert page.status_code == 200, page.text
        return {**hidden_in(page), "attested": "on", **filled}

    def share(self, exam, *recipients, **filled):
        fields = self.form(exam, recipients=recipients, **filled)
        return self.post(f"/exams/{exam}/share", step="share", **fields)

    def unshare(self, exam, recipient, **filled):
        """Click X, and confirm."""
        actor = self.form(exam)["actor"]
        asked = {"step": "preview", "actor": actor, "recipient": recipient}
        page = self.post(f"/exams/{exam}/unshare", **asked)
        fields = hidden_in(page) | filled
        return self.post(f"/exams/{exam}/unshare", step="unshare", **fields)

    def with_access(self, exam):
        """Return the names beside an X on the access list of an exam."""
        page = self.get(f"/exams/{exam}/share").text
        return re.findall(r'aria-label="Unshare from ([^"]*)"', page)


def hidden_in(page):
    """Return the hidden fields of the first form in the content of a page."""
    form = re.search(r"<main.*?<form.*?</form>", page.text, re.DOTALL)[0]
    fields = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', form)
    return {name: html.unescape(value) for name, value in fields}


def errors_in(page):
    """Return the sentences of a page of errors by their fields."""
    return dict(re.findall(r'<li><a href="#(\w+)">([^<]*)</a>', page.text))
