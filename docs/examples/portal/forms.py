"""What a browser sent, read with limits."""

from typing import Final
from urllib.parse import parse_qsl

from fastapi import HTTPException, Request
from starlette.datastructures import FormData

MOST_BYTES: Final = 500_000
MOST_FIELDS: Final = 1_000
MEDIA_TYPE: Final = "application/x-www-form-urlencoded"

CARRIED: Final = ("recipients", "permission", "scope", "attested", "message")
"""The fields of the share form that people fill in."""
HIDDEN: Final = ("actor", "wording", "expect", "request_id")
"""The fields that say what the page has shown, and to whom."""


async def read_form(request: Request) -> FormData:
    """Return the fields of a form; a dependency."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != MEDIA_TYPE:
        raise HTTPException(415, "Send a form.")
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > MOST_BYTES:
            raise HTTPException(413, "This is too much. Write less, or choose fewer.")
    try:
        fields = parse_qsl(content.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        raise HTTPException(400, "This form cannot be read.") from None
    return FormData([(name, value) for name, value in fields])


def text_of(form: FormData, name: str) -> str:
    """Return a field with the line ends of Python, or nothing."""
    return str(form.get(name, "")).replace("\r\n", "\n")


def carried(form: FormData, *without: str) -> list[tuple[str, str]]:
    """Return the fields that the next page carries along, without those that it asks for."""
    kept = {*CARRIED, *HIDDEN}.difference(without)
    return [(name, str(value)) for name, value in form.multi_items() if name in kept]
