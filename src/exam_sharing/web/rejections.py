"""Requests that are rejected before they are read: nobody is signed in, or another site sent them.

A page of another site can send a form, or a text, with the cookies of the person who looks at it.
It can send no JSON, and cannot hide where it comes from.
"""

from collections.abc import Collection, Mapping
from urllib.parse import urlsplit

from exam_sharing.errors import InputError


class Rejected(InputError):
    """A request was rejected before it was read; nothing was done.

    Attributes:
        code: `NOT_SIGNED_IN`, `CROSS_SITE`, `NOT_JSON` or `TOO_LARGE`.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code

    def __str__(self) -> str:
        return f"the request was rejected: {self.code}"


def require_same_site(headers: Mapping[str, str], *, origins: Collection[str] = ()) -> None:
    """Reject a request that a browser sent for a page of another site.

    Browsers say where a request comes from: in `Sec-Fetch-Site`, and older ones in `Origin`. What
    says nothing of this is no browser, and has no cookies that another site could use.

    Args:
        headers: of the request, by their names in lower case.
        origins: other sites whose pages may send requests, as `"https://portal.example"`.

    Raises:
        Rejected: the request comes from another site.
    """
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    if origin is not None and origin in origins:
        return
    if site is not None:
        is_same = site in {"same-origin", "none"}
    else:
        is_same = origin is None or _host_of(origin) == headers.get("host", "").lower()
    if not is_same:
        raise Rejected("CROSS_SITE")


def _host_of(origin: str) -> str | None:
    """Return the host and the port of an origin; `None` if it has none, as `"null"`."""
    try:
        return urlsplit(origin).netloc.lower() or None
    except ValueError:
        return None


def require_json(headers: Mapping[str, str]) -> None:
    """Reject a request whose content is not declared as JSON.

    Raises:
        Rejected: the content has no type, or another one.
    """
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise Rejected("NOT_JSON")
