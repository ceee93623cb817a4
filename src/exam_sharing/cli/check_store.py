"""`exam-sharing check-store`: checks a store against its laws, without writing a test.

A store may hang, so the laws are checked in a thread that can be left behind. Some stores can only
be used in the thread that opened them, so everything that touches the store happens in that thread.
"""

import sys
import sysconfig
import threading
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from logging import Handler, LogRecord, getLogger
from pathlib import Path
from time import monotonic
from types import FrameType, MappingProxyType
from typing import TYPE_CHECKING, Final

import attrs
from typing_extensions import override

import exam_sharing
from exam_sharing.cli.commands import ExitCode, command, need
from exam_sharing.cli.parsing import argument, flag, read_as, suggestion, whole_number
from exam_sharing.cli.printing import PROGRAM, Line, document
from exam_sharing.cli.words import count
from exam_sharing.errors import InvalidInput

if TYPE_CHECKING:
    from exam_sharing.testing.laws import Law, LawBroken

_EXAMPLES: Final = 25
_TIMEOUT: Final = 60
_GLANCE: Final = 0.5
"""The longest wait at a time in seconds, so that an interrupt is noticed on every system."""

_OURS: Final = str(Path(exam_sharing.__file__).parent)
_STANDARD: Final = (sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"), "<")
_INSTALLED: Final = frozenset({"site-packages", "dist-packages"})
_BETWEEN: Final = "hypothesis"
"""Our laws call it, and it calls them back."""

_NEEDED: Final = {
    "threads": "several threads, so no --one-thread",
    "uploads_by_port": "uploads by the port, so no keyword upload",
}
"""What a law needs that is not called as a keyword is."""


_SLOW: Final = "; the store is slow and does not hang: allow more seconds with --timeout"


class _Unfinished(Exception):
    """A law did not end in time."""


class _Shown(Handler):
    """Shows what a law logs while it looks for a smaller example."""

    def __init__(self, show: Callable[[str], None]) -> None:
        super().__init__()
        self._show = show

    @override
    def emit(self, record: LogRecord) -> None:
        self._show(record.getMessage())

    @contextmanager
    def heard(self) -> Iterator[None]:
        logger = getLogger("exam_sharing.testing")
        logger.addHandler(self)
        try:
            yield
        finally:
            logger.removeHandler(self)


@attrs.frozen
class _Answer:
    """The result of one law; `broken` is `None` if the store keeps it."""

    law: "Law"
    broken: "LawBroken | None"
    seconds: float

    def as_data(self) -> dict[str, object]:
        return {
            "law": self.law.name,
            "promise": self.law.promise,
            "kept": self.broken is None,
            "problem": None if self.broken is None else self.broken.problem,
            "examples": None if self.broken is None else self.broken.examples,
            "seconds": round(self.seconds, 3),
        }


class _Checking(threading.Thread):
    """Checks the laws of a store, one after the other; `law` is the name of one and its begin."""

    def __init__(
        self,
        make: Callable[[], "tuple[Sequence[Law], Mapping[str, tuple[str, ...]]]"],
        show: Callable[[str], None],
    ) -> None:
        super().__init__(daemon=True)
        self.law: tuple[str, float] | None = None
        self.not_asked: Mapping[str, tuple[str, ...]] = {}
        self.answers: list[_Answer] = []
        self.error: BaseException | None = None
        self._make = make
        self._show = show
        self._before = frozenset(thread.ident for thread in threading.enumerate())

    @override
    def run(self) -> None:
        from exam_sharing.testing.laws import LawBroken

        try:
            laws, self.not_asked = self._make()
            for place, law in enumerate(laws, start=1):
                begun, broken = monotonic(), None
                self.law = law.name, begun
                self._show(f"{place} of {len(laws)}: {law.name}")
                try:
                    law.check()
                except LawBroken as error:
                    broken = error
                self.answers.append(_Answer(law, broken, monotonic() - begun))
        except BaseException as error:  # noqa: BLE001  it is raised again in the main thread
            self.error = error

    def finish(self, timeout: float) -> None:
        calls: list[FrameType] = []
        place: object = None
        since = monotonic()
        while self.is_alive():
            stacks = self._stacks_in_store()
            before, calls = calls, [stack[-1] for stack in stacks.values()]
            # A law that goes on beside a thread that waits does not stand.
            place_before, place = place, None if self.ident in stacks else self._place()
            if not calls or calls != before or place != place_before:
                since = monotonic()
            left = min(_GLANCE, timeout / 8)
            if self.law is not None:
                name, begun = self.law
                left = min(left, begun + timeout - monotonic())
                if left <= 0:
                    stands = monotonic() - since > timeout / 2
                    how = self._place_in_store() if stands else _SLOW if calls or before else ""
                    raise _Unfinished(f"{name} had not ended after {timeout:g} seconds{how}")
            self.join(left)
        if self.error is not None:
            raise self.error

    def _place_in_store(self) -> str:
        """Return where the store stands: in this thread, or else in one that it started."""
        for innermost, *_ in self._stacks_in_store().values():
            place = f"{Path(innermost.f_code.co_filename).name}, line {innermost.f_lineno}"
            return f"; the store stands in {place}"
        return ""

    def _place(self) -> tuple[FrameType, int] | None:
        """Return where this thread is."""
        frame = sys._current_frames().get(self.ident or 0)  # noqa: SLF001  as it is documented
        return frame and (frame, frame.f_lineno)

    def _stacks_in_store(self) -> dict[int | None, list[FrameType]]:
        """Return the frames of the store in each thread that has some, the innermost first.

        Those of installed packages count only in a thread in which the store has no others.
        """
        frames = sys._current_frames()  # noqa: SLF001  as it is documented
        started = [each for each in frames if each not in self._before and each != self.ident]
        stacks: dict[int | None, list[FrameType]] = {}
        for thread in (self.ident, *started):
            frame, theirs, installed = frames.get(thread or 0), list[FrameType](), list[FrameType]()
            while frame is not None:
                filename = frame.f_code.co_filename
                parts = Path(filename).parts
                if not _INSTALLED.isdisjoint(parts):
                    installed += [frame] if _BETWEEN not in parts else []
                elif not filename.startswith((_OURS, *_STANDARD)):
                    theirs.append(frame)
                frame = frame.f_back
            if theirs or installed:
                stacks[thread] = theirs or installed
        return stacks


@command(
    "check-store",
    "check a store against the laws of its ports",
    argument("store STORE", "package.module:name", nargs="?"),
    flag("--one-thread", "leave out laws about several threads; not for a sequence of laws"),
    argument(
        "--examples N",
        f"how many random examples a law tries ({_EXAMPLES}); not for a sequence of laws",
        whole_number,
    ),
    argument("--law NAME", "only this law; may be repeated", action="append"),
    argument(
        "--timeout SECONDS",
        f"how long a law may take ({_TIMEOUT})",
        read_as(float, "a number of seconds"),
        default=_TIMEOUT,
    ),
    argument("--primary URL", "instead of STORE: the primary of a PostgreSQL cluster"),
    argument("--standby URL", "the standby of that cluster that is to answer checks"),
    epilog="""\
STORE is package.module:name. It names a callable that returns a new empty store at each call, or a
sequence of laws as `store_laws(open_store, fail_at=...)` returns it: laws of stores with further
abilities, of directories, notifiers or rules. Such laws already have their settings, so neither
--one-thread nor --examples can be given with them.

The command ends with 0 if the store keeps every law, with 1 if it breaks one, and with 2 if STORE
cannot be checked: it cannot be found, does not return an empty store apart from all others, answers
nothing, or a law has not ended after --timeout seconds. The command then reports where in its code
the store hangs, or that the store is slow. The results of the laws before are printed first, also
after an interrupt. Last come the laws that were not asked, with the keywords that they need.

examples:
  exam-sharing check-store exam_sharing.memory:MemoryStore
  exam-sharing check-store my_portal.stores:open_store --one-thread
  exam-sharing check-store my_portal.checks:LAWS --json
  exam-sharing check-store --primary postgresql://a/portal --standby postgresql://b/portal
""",
)
def check_store(arguments: Namespace) -> ExitCode:
    need(["hypothesis"])
    if not arguments.timeout > 0:
        raise InvalidInput("--timeout", "must be more than 0 seconds")
    if arguments.primary or arguments.standby:
        return _check_cluster(arguments)
    if arguments.store is None:
        raise InvalidInput("STORE", "must be given, or --primary and --standby instead")
    name = arguments.store
    return _check(arguments, name, lambda: _laws(arguments, name, imported(name)))


def _check_cluster(arguments: Namespace) -> ExitCode:
    """Check the settings of a cluster and, if they are safe, the laws over both servers."""
    if arguments.store is not None:
        raise InvalidInput("STORE", "cannot be given with --primary and --standby")
    if not (arguments.primary and arguments.standby):
        raise InvalidInput("--primary and --standby", "must be given together")
    need(["sqlalchemy", "psycopg"])
    from exam_sharing.cli.check_cluster import opened_cluster

    with opened_cluster(arguments.primary, arguments.standby) as cluster:
        line = Line(sys.stderr)
        report = cluster.report(line.show)
        line.show("")
        if not report.safe:
            print(document(cluster=report.as_data()) if arguments.json else report.text())
            return ExitCode.FAILED
        with cluster.tables():
            report = attrs.evolve(report, first=cluster.first_checks())
            name = "the cluster"
            make = partial(_laws, arguments, name, cluster.empty_store)
            facts = {"cluster": report.as_data()}
            code = _check(arguments, name, make, [report.text(), ""], facts)
        return code if report.safe else ExitCode.FAILED


def _check(
    arguments: Namespace,
    name: str,
    make: Callable[[], "tuple[Sequence[Law], Mapping[str, tuple[str, ...]]]"],
    before: Sequence[str] = (),
    facts: Mapping[str, object] = MappingProxyType({}),
) -> ExitCode:
    """Check laws, and print the results after what is known `before`, or with further `facts`."""
    from exam_sharing.testing.opening import StoreNotUsable

    stopped: Exception | KeyboardInterrupt | None = None
    line = Line(sys.stderr)
    checking = _Checking(make, line.show)
    try:
        with _Shown(line.show).heard():
            checking.start()
            checking.finish(arguments.timeout)
    except (StoreNotUsable, _Unfinished, KeyboardInterrupt) as error:
        stopped = error
    finally:
        line.show("")
    answers = list(checking.answers)
    if answers and arguments.json:
        laws = [each.as_data() for each in answers]
        not_asked = [{"law": name, "needs": needs} for name, needs in checking.not_asked.items()]
        print(document(store=name, laws=laws, not_asked=not_asked, **facts))
    elif answers:
        lines = [*before, *_report(answers), *_report_not_asked(checking.not_asked)]
        print("\n".join(lines))
    if isinstance(stopped, KeyboardInterrupt):
        where = name if checking.law is None else checking.law[0]
        print(f"{PROGRAM}: interrupted in {where}", file=sys.stderr)
        return ExitCode.INTERRUPTED
    if stopped is not None:
        raise InvalidInput(name, f"cannot be checked: {stopped}") from stopped
    return ExitCode.FAILED if any(each.broken for each in answers) else ExitCode.DONE


def _laws(
    arguments: Namespace, name: str, found: object
) -> "tuple[Sequence[Law], Mapping[str, tuple[str, ...]]]":
    """Return the laws to check and, unless they are chosen by name, those that need more."""
    from exam_sharing.testing.laws import Law, laws_not_asked, store_laws

    if isinstance(found, Sequence) and found and all(isinstance(each, Law) for each in found):
        given = {"--one-thread": arguments.one_thread, "--examples": arguments.examples is not None}
        if any(given.values()):
            problem = f"cannot be given, because {name} is a sequence of laws"
            raise InvalidInput(" and ".join(each for each in given if given[each]), problem)
        laws = tuple(found)
    elif callable(found):
        examples = _EXAMPLES if arguments.examples is None else arguments.examples
        laws = store_laws(found, threads=not arguments.one_thread, examples=examples)
    else:
        raise InvalidInput(name, "is neither a callable that opens a store, nor laws")
    known = {law.name for law in laws}
    for each in arguments.law or ():
        if each not in known:
            raise InvalidInput("--law", f"names no law of this store{suggestion(each, known)}")
    if arguments.law is None:
        return laws, laws_not_asked(laws)
    return [law for law in laws if law.name in arguments.law], {}


def imported(named: str) -> object:
    from exam_sharing.testing.opening import place_of

    module, _, attribute = named.partition(":")
    meant = _module_in(module)
    perhaps = f"; did you mean {meant}:{attribute}?" if meant and attribute else ""
    if not _is_dotted(attribute) or not _is_dotted(module):
        raise InvalidInput("STORE", f"must be package.module:name{perhaps}")
    # As `python -m` does: a package in development is often not installed.
    sys.path.insert(0, str(Path.cwd()))
    try:
        found: object = import_module(module)
        for name in attribute.split("."):
            found = getattr(found, name)
    except (AttributeError, ImportError) as error:
        raise InvalidInput(named, f"cannot be imported: {error}{perhaps}") from error
    except Exception as error:
        problem = f"cannot be imported: {type(error).__name__}{place_of(error)}"
        raise InvalidInput(named, problem) from error
    return found


def _is_dotted(name: str) -> bool:
    return all(part.isidentifier() for part in name.split("."))


def _module_in(path: str) -> str | None:
    """Return the module in a file that was named as a path; `None` for no path of a module."""
    bare = path.replace("\\", "/").removeprefix("./").removesuffix(".py").replace("/", ".")
    return bare if bare != path and _is_dotted(bare) else None


def _report(answers: list[_Answer]) -> list[str]:
    broken = [each.broken for each in answers if each.broken is not None]
    seconds = sum(each.seconds for each in answers)
    kept = len(answers) - len(broken)
    laws = count(len(answers), "law")
    lines = [f"{laws} in {seconds:.1f} seconds: {kept} kept, {len(broken)} broken"]
    by_problem: dict[str, list[LawBroken]] = {}
    for each in broken:
        by_problem.setdefault(each.problem, []).append(each)
    for problem, alike in by_problem.items():
        lines += ["", *(f"BROKEN {each.law}" for each in alike)]
        lines += [f"  {each.promise}" for each in alike if len(alike) == 1]
        lines += [f"  {line}" for line in problem.split("\n")]
    return lines


def _report_not_asked(not_asked: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    if not_asked:
        yield f"\nNOT ASKED: {count(len(not_asked), 'law')}, for which the store needs"
    by_needs: dict[tuple[str, ...], list[str]] = {}
    for name, needs in not_asked.items():
        by_needs.setdefault(needs, []).append(name)
    for needs, names in by_needs.items():
        yield f"  {' and '.join(_NEEDED.get(each, each) for each in needs)}:"
        yield from (f"    {name}" for name in names)
