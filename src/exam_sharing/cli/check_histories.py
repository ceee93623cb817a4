"""`exam-sharing check-histories`: checks a store or a portal in every small history."""

import sys
from argparse import Namespace
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from datetime import timedelta
from functools import cache, partial
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

import attrs

from exam_sharing.cli.check_store import imported
from exam_sharing.cli.commands import ExitCode, command
from exam_sharing.cli.parsing import argument, flag, read_as, whole_number
from exam_sharing.cli.printing import Line, document
from exam_sharing.cli.words import count
from exam_sharing.errors import InvalidInput

if TYPE_CHECKING:
    from exam_sharing.testing.cases import Given, Portal
    from exam_sharing.testing.histories import Histories

_ACTS: Final = 3
_CHUNK: Final = 8
"""How many histories a process takes at a time."""


@attrs.frozen
class _Named:
    """Opens portals by the name of a store or of a portal, also in another process."""

    name: str
    is_portal: bool

    def __call__(self, given: "Given") -> "Portal | AbstractContextManager[Portal]":
        opened: Portal | AbstractContextManager[Portal] = _opener(self)(given)
        return opened


@cache
def _opener(named: _Named) -> Callable[..., Any]:
    from exam_sharing.testing.cases import over_store

    found = imported(named.name)
    if not callable(found):
        raise InvalidInput(named.name, "cannot be called, so it opens nothing")
    return found if named.is_portal else over_store(found)


class _Progress:
    """A line that shows how far the search is, and about how long it still takes."""

    def __init__(self, acts: int | None, seconds: float | None) -> None:
        self._line = Line(sys.stderr)
        self._acts = acts
        self._end = monotonic() + (seconds or 0)
        self._since = monotonic()
        self._before = 0

    def show(self, found: "Histories") -> None:
        now, length = monotonic(), found.acts + (found.tried < found.begun)
        growth = (found.histories - self._before) / found.tried
        left = self._end - now
        if self._acts is not None:
            levels = sum(growth**further for further in range(self._acts - length + 1))
            left = (now - self._since) / found.tried * (found.begun * levels - found.tried)
        about = timedelta(seconds=max(0, round(left)))
        done = f"{found.tried:,} of {found.begun:,} histories tried with one more act"
        self._line.show(f"act {length}: {done}, about {about} left")
        if found.tried == found.begun:
            self._since, self._before = now, found.histories

    def wipe(self) -> None:
        self._line.show("")


@command(
    "check-histories",
    "check a store or a portal in every small history",
    argument("store STORE", "package.module:name"),
    flag("--portal", "STORE opens a portal, not a store"),
    argument("--acts N", f"how long the histories are at most ({_ACTS})", whole_number),
    argument(
        "--seconds N", "end after this time", read_as(float, "a number of seconds"), default=None
    ),
    argument("--processes N", "how many processes share the work (1)", whole_number, default=1),
    epilog="""\
STORE names a callable that returns a new empty store at each call, as for check-store. With
--portal, it names one that takes what a decision case has under `given`, and returns a portal.

Tried are all histories of up to N acts of three users on one exam, the shortest first. A history
ends with an act that is refused or does nothing. Each act more takes about 14 times as long. With
--seconds alone, the histories grow until the time is over. More than one process need stores that
share nothing, not even a database.

The command ends with 0 if every history keeps the rules, with 1 if one breaks them, and with 2 if
STORE cannot be checked.

examples:
  exam-sharing check-histories exam_sharing.memory:MemoryStore
  exam-sharing check-histories exam_sharing.memory:MemoryStore --acts 4 --processes 2
  exam-sharing check-histories my_portal.testing:open_portal --portal --seconds 60
""",
)
def check_histories(arguments: Namespace) -> ExitCode:
    from exam_sharing.testing.histories import check_histories as check
    from exam_sharing.testing.opening import StoreNotUsable
    from exam_sharing.testing.story import RulesBroken

    for option in ("acts", "seconds", "processes"):
        number = getattr(arguments, option)
        if number is not None and not number > 0:
            raise InvalidInput(f"--{option}", "must be more than 0")
    name, seconds, begun = arguments.store, arguments.seconds, monotonic()
    acts = _ACTS if arguments.acts is None and seconds is None else arguments.acts
    progress, broken, found = _Progress(acts, seconds), None, None
    opening = _Named(name, arguments.portal)
    _opener(opening)
    with ExitStack() as closing:
        closing.callback(progress.wipe)
        over: Callable[..., Any] = map
        if arguments.processes > 1:
            pool = closing.enter_context(ProcessPoolExecutor(arguments.processes))
            over = partial(pool.map, chunksize=_CHUNK)
        try:
            found = check(opening, acts=acts, seconds=seconds, show=progress.show, over=over)
        except RulesBroken as error:
            broken = str(error)
        except StoreNotUsable as error:
            raise InvalidInput(name, f"cannot be checked: {error}") from error
    took = monotonic() - begun
    if arguments.json:
        facts = {} if found is None else attrs.asdict(found)
        print(document(store=name, broken=broken, seconds=round(took, 3), **facts))
    elif found is None:
        print(broken)
    else:
        ended = count(found.ended, "act")
        print(
            f"{found.histories:,} histories in {took:.1f} seconds, and {ended} that were refused or"
            f" did nothing; all histories of up to {count(found.acts, 'act')} keep the rules"
        )
    return ExitCode.FAILED if broken else ExitCode.DONE
