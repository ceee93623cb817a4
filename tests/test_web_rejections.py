"""Requests that are rejected before they are read."""

import pickle

import pytest

from exam_sharing import web

HEADERS = [
    ({}, True),
    ({"origin": "http://portal.example"}, True),
    ({"origin": "http://PORTAL.example"}, True),
    ({"sec-fetch-site": "same-origin", "origin": "http://portal.example"}, True),
    ({"sec-fetch-site": "none"}, True),
    ({"sec-fetch-site": "cross-site", "origin": "https://viewer.example"}, True),
    ({"sec-fetch-site": "cross-site", "origin": "https://evil.example"}, False),
    ({"sec-fetch-site": "cross-site", "origin": "http://portal.example"}, False),
    ({"sec-fetch-site": "cross-site"}, False),
    ({"sec-fetch-site": "same-site", "origin": "http://other.portal.example"}, False),
    ({"sec-fetch-site": ""}, False),
    ({"origin": "https://evil.example"}, False),
    ({"origin": "http://portal.example.evil.example"}, False),
    ({"origin": "https://viewer.example.evil.example"}, False),
    ({"origin": "null"}, False),
    ({"origin": "http://["}, False),
    ({"origin": ""}, False),
]
"""Headers of a request, and whether it comes from a page of the same site or of a trusted one."""


@pytest.mark.parametrize(("headers", "is_same"), HEADERS, ids=str)
def test_only_pages_of_the_same_site_or_of_trusted_ones_may_send_forms(headers, is_same):
    def require():
        given = {"host": "Portal.example", **headers}
        web.require_same_site(given, origins=["https://viewer.example"])

    if is_same:
        require()
    else:
        with pytest.raises(web.Rejected, match="CROSS_SITE"):
            require()


@pytest.mark.parametrize(
    "declared", ["application/json", "Application/JSON; charset=utf-8", " application/json ;"]
)
def test_json_is_what_is_declared_as_json(declared):
    web.require_json({"content-type": declared})


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"content-type": ""},
        {"content-type": "text/plain"},
        {"content-type": "text/plain; application/json"},
        {"content-type": "text/plain, application/json"},
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "application/jsonp"},
    ],
)
def test_what_a_form_of_another_site_can_declare_is_no_json(headers):
    with pytest.raises(web.Rejected, match="NOT_JSON"):
        web.require_json(headers)


def test_a_rejection_can_be_pickled():
    rejected = pickle.loads(pickle.dumps(web.Rejected("TOO_LARGE")))  # noqa: S301  our own

    assert (rejected.code, str(rejected)) == (
        "TOO_LARGE",
        "the request was rejected: TOO_LARGE",
    )
