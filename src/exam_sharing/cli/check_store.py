"""`exam-sharing check-store`: the laws of stores, asked without writing a test."""

import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final

from exam_sharing.cli.arguments import whole_number
from exam_sharing.cli.asking import Answer, Asking, NeverEnded
from exam_sharing.cli.commands import Command, ExitCode
from exam_sharing.cli.documents import FORMAT, written
from exam_sharing.cli.extras import need
from exam_sharing.cli.parsing import perhaps
from exam_sharing.cli.streams import Line
from exam_sharing.errors import InvalidInput

if TYPE_CHECKING:
    from exam_sharing.testing.laws import Law, LawBroken

__all__ = ["CHECK_STORE"]

_EXAMPLES: Final = 25
_TIMEOUT: Final = 60

EPILOG: Final = """\
STORE is package.module:name. It names a callable that gives an empty store each time, or laws that
are made already, as `store_laws(open_store, fail_at=...)` makes them: of stores that can do more
than their ports say, or of directories, notifiers and rules. What such laws are asked of, and how,
was said when they were made: neither --one-thread nor --examples can be given with them.

The command ends with 0 if every law is kept, with 1 if one is broken, and with 2 if STORE cannot be
checked: it cannot be found, gives no store that is empty and apart from all others, or hangs. A law
that has not ended after --timeout seconds ends the command, which says where in its code the store
stands. What became of the laws before is told first, also when the command is interrupted.

examples:
  exam-sharing check-store exam_sharing.memory:MemoryStore
  exam-sharing check-store my_portal.stores:open_store --one-thread
  exam-sharing check-store my_portal.checks:LAWS --json
"""


def _add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("store", metavar="STORE", help="package.module:name")
    parser.add_argument(
        "--one-thread",
        action="store_true",
        help="leave out the laws about several threads; not for laws that are made already",
    )
    parser.add_argument(
        "--examples",
        type=whole_number,
        metavar="N",
        help="how many examples a law looks at that looks for some (25);"
        " not for laws that are made already",
    )
    parser.add_argument(
        "--law", action="append", metavar="NAME", help="this law alone; may be given again"
    )
    parser.add_argument(
        "--timeout",
        type=_seconds,
        default=_TIMEOUT,
        metavar="SECONDS",
        help=f"how long a law may take until the store is said to hang ({_TIMEOUT})",
    )


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ArgumentTypeError("must be a number of seconds") from None


def _run(arguments: Namespace, version: str) -> ExitCode:
    need(["hypothesis"])
    from exam_sharing.testing.opening import StoreNotUsable

    if not arguments.timeout > 0:
        raise InvalidInput("--timeout", "must be more than 0 seconds")
    answers: list[Answer] = []
    stopped: Exception | KeyboardInterrupt | None = None
    line = Line(sys.stderr)
    asking = Asking(partial(_laws, arguments), arguments.timeout, line.say)
    try:
        answers.extend(asking)
    except (StoreNotUsable, NeverEnded, KeyboardInterrupt) as error:
        stopped = error
    finally:
        line.say("")
    if answers and arguments.json:
        print(written(_document(arguments.store, answers, version)))
    elif answers:
        print(_report(answers))
    if isinstance(stopped, KeyboardInterrupt):
        print(f"exam-sharing: interrupted in {asking.law or arguments.store}", file=sys.stderr)
        return ExitCode.INTERRUPTED
    if stopped is not None:
        raise InvalidInput(arguments.store, f"cannot be checked: {stopped}") from stopped
    return ExitCode.FAILED if any(each.broken for each in answers) else ExitCode.DONE


def _laws(arguments: Namespace) -> "tuple[Law, ...]":
    """Return the laws that are to be asked."""
    return _chosen(_all_laws(arguments), arguments.law)


def _all_laws(arguments: Namespace) -> "tuple[Law, ...]":
    """Return the laws that are named, or those of the store that is."""
    from exam_sharing.testing.laws import Law, store_laws

    found = _found(arguments.store)
    if isinstance(found, Sequence) and found and all(isinstance(each, Law) for each in found):
        _require_nothing_said(arguments)
        return tuple(found)
    if not callable(found):
        raise InvalidInput(arguments.store, "is neither a callable that gives a store, nor laws")
    examples = _EXAMPLES if arguments.examples is None else arguments.examples
    return store_laws(found, threads=not arguments.one_thread, examples=examples)


def _require_nothing_said(arguments: Namespace) -> None:
    """Insist that no option is about how laws are made: these are made already."""
    options = {
        "--one-thread": arguments.one_thread,
        "--examples": arguments.examples is not None,
    }
    said = " and ".join(option for option, is_said in options.items() if is_said)
    if said:
        raise InvalidInput(said, f"cannot be given, as {arguments.store} is laws already")


def _found(named: str) -> object:
    from exam_sharing.testing.opening import place_of

    module, _, attribute = named.partition(":")
    meant = _meant(module)
    perhaps = f"; did you mean {meant}:{attribute}?" if meant and attribute else ""
    if not _is_module(attribute) or not _is_module(module):
        raise InvalidInput("STORE", f"must be package.module:name{perhaps}")
    # As `python -m` does: what is being developed is often not installed.
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


def _is_module(name: str) -> bool:
    return all(part.isidentifier() for part in name.split("."))


def _meant(path: str) -> str | None:
    """Return the module in a file that was named as a path; `None` where none was."""
    bare = path.replace("\\", "/").removeprefix("./").removesuffix(".py").replace("/", ".")
    return bare if bare != path and _is_module(bare) else None


def _chosen(laws: "tuple[Law, ...]", names: list[str] | None) -> "tuple[Law, ...]":
    if names is None:
        return laws
    known = {law.name for law in laws}
    for name in names:
        if name not in known:
            raise InvalidInput("--law", f"names no law of this store{perhaps(name, known)}")
    return tuple(law for law in laws if law.name in names)


def _report(answers: list[Answer]) -> str:
    broken = [each.broken for each in answers if each.broken is not None]
    seconds = sum(each.seconds for each in answers)
    kept = len(answers) - len(broken)
    laws = "1 law" if len(answers) == 1 else f"{len(answers)} laws"
    told = [f"{laws} in {seconds:.1f} seconds: {kept} kept, {len(broken)} broken"]
    by_cause: dict[str, list[LawBroken]] = {}
    for each in broken:
        by_cause.setdefault(each.problem, []).append(each)
    for problem, alike in by_cause.items():
        told += ["", *(f"BROKEN {each.law}" for each in alike)]
        told += [f"  {each.promise}" for each in alike if len(alike) == 1]
        told += [f"  {line}" for line in problem.split("\n")]
    return "\n".join(told)


def _document(store: str, answers: list[Answer], version: str) -> dict[str, object]:
    return {
        "format": FORMAT,
        "version": version,
        "store": store,
        "laws": [
            {
                "law": each.law.name,
                "promise": each.law.promise,
                "kept": each.broken is None,
                "problem": None if each.broken is None else each.broken.problem,
                "examples": None if each.broken is None else each.broken.examples,
                "seconds": round(each.seconds, 3),
            }
            for each in answers
        ],
    }


CHECK_STORE: Final = Command(
    name="check-store",
    help="ask of a store what its ports promise",
    epilog=EPILOG,
    add_arguments=_add_arguments,
    run=_run,
)
