"""The portal machine for any language: `python -m exam_sharing.testing.machine -- COMMAND`."""

import json
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from subprocess import PIPE, Popen
from typing import Any, Final

from hypothesis import settings

from exam_sharing.errors import CallerError
from exam_sharing.testing.cases.schema import Data, Given, Portal
from exam_sharing.testing.machine import RulesBroken, run_portal_machine


class Program(Portal):
    """A portal in another program: it reads lines of JSON, and answers each by another line.

    A line is `{"open": given}`, `{"do": act}` or `{"ask": question}`. A program that has ended is
    started again by the next story.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self._command: Final = command
        self._process: Popen[str] | None = None

    @contextmanager
    def open(self, given: Given) -> Iterator[Portal]:
        """Open a portal, of which the program has one at a time."""
        if self._process is None or self._process.poll() is not None:
            self._process = Popen(self._command, stdin=PIPE, stdout=PIPE, encoding="utf-8")  # noqa: S603  the user's own
        self._call("open", given)
        yield self

    def do(self, act: Data) -> Any:
        return self._call("do", act)

    def ask(self, question: Data) -> Any:
        return self._call("ask", question)

    def _call(self, method: str, asked: object) -> Any:
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        with suppress(BrokenPipeError):
            process.stdin.write(json.dumps({method: asked}) + "\n")
            process.stdin.flush()
        if line := process.stdout.readline():
            return json.loads(line)
        process.wait()
        raise EOFError("the program has ended")

    def close(self) -> None:
        if self._process is not None:
            with suppress(BrokenPipeError), self._process as process:
                process.kill()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run stories; return 1 and print the story if the portal breaks the rules."""
    asked = _parsed(arguments)
    program = Program(asked.command)
    has = {name: getattr(asked, name) for name in ("acts", "questions", "details", "choices")}
    told = settings(
        max_examples=asked.stories,
        stateful_step_count=asked.steps,
        derandomize=not asked.random,
        database=None,
    )
    try:
        run_portal_machine(
            program.open, without=asked.without, policy=asked.policy, settings=told, **has
        )
    except RulesBroken as broken:
        sys.stdout.write(f"{broken}\n")
        return 1
    except CallerError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    finally:
        program.close()
    sys.stdout.write(f"{asked.stories} stories of up to {asked.steps} steps: the rules hold\n")
    return 0


def _parsed(arguments: Sequence[str] | None) -> Namespace:
    parser = ArgumentParser(
        prog="python -m exam_sharing.testing.machine",
        description="Run random stories on a portal that reads and writes lines of JSON.",
    )
    names: dict[str, Any] = {"type": lambda text: text.split(","), "metavar": "A,B"}
    parser.add_argument("--acts", **names, help="the acts that the portal can do")
    parser.add_argument("--questions", **names, help="the questions that it can answer")
    parser.add_argument("--without", **names, default=(), help="fields that it does not have")
    parser.add_argument("--policy", type=json.loads, metavar="JSON", help="its settings")
    off: dict[str, Any] = {"action": "store_false"}
    parser.add_argument("--codes-only", dest="details", **off, help="refusals have codes alone")
    parser.add_argument("--free", dest="choices", **off, help="leave the package's choices open")
    parser.add_argument("--stories", type=int, default=200)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--random", action="store_true", help="other stories in each run")
    parser.add_argument("command", nargs="+", help="the program with its arguments, after `--`")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
