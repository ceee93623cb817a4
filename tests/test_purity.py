"""Decisions depend on request, facts and time alone. Specification: `#decisions-are-pure`.

> Clock and ids come from outside. Decisions touch no store and no network.
"""

import ast
import copy
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import attrs
import pytest

import exam_sharing
from calls import CALLS, answer_of, portal, ports_of
from calls import sharing_over as over
from watching import watched

SOURCE: Final = Path(exam_sharing.__file__).parent
PURE: Final = sorted(
    path for folder in ("policy", "acts") for path in (SOURCE / folder).glob("*.py")
) + [SOURCE / f"{name}.py" for name in ("events", "grants")]

CLOCK_AND_CHANCE: Final = {"random", "secrets", "time", "uuid"}
OUTSIDE: Final = {"io", "os", "pathlib", "shutil", "socket", "sqlite3", "subprocess", "tempfile"}
MODULES: Final = CLOCK_AND_CHANCE | OUTSIDE | {"asyncio", "logging", "threading", "urllib"}
CALLED: Final = {"print", "open", "input", "eval", "exec", "globals", "id", "hash", "__import__"}
METHODS: Final = {"now", "utcnow", "today", "uuid1", "uuid4", "getLogger", "getenv"}


def impure(tree: ast.AST):
    """Yield what a module takes from a clock, from chance, or from the world outside."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from MODULES & {alias.name.partition(".")[0] for alias in names}
            case ast.ImportFrom(module=str(module)):
                yield from MODULES & {module.partition(".")[0]}
            case ast.Global() | ast.Nonlocal():
                yield type(node).__name__
            case ast.Call(func=ast.Name(id=name)) if name in CALLED:
                yield name
            case ast.Attribute(value=ast.Name(id="datetime" | "date"), attr=name):
                yield from METHODS & {name}
            case ast.Call(func=ast.Attribute(attr=name)) if name in METHODS - {"now"}:
                yield name


@pytest.mark.parametrize("path", PURE, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_module_that_decides_takes_nothing_from_clock_chance_or_outside(path):
    assert list(impure(ast.parse(path.read_text()))) == []


@pytest.mark.parametrize(
    "code",
    [
        "datetime.now(UTC)",
        "from uuid import uuid4",
        "import random",
        "import logging.handlers",
        "print(1)",
        "open('x')",
        "hash(value)",
        "def f():\n    global x",
    ],
)
def test_the_walk_finds_impure_code(code):
    assert list(impure(ast.parse(code)))


class Recording:
    """A watcher that keeps every question, and every answer as it was given."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.answers: list[Any] = []
        self.kept: list[Any] = []

    def __call__(self, question: str, put: Any) -> Any:
        answer = put()
        self.asked.append((question, put.args, put.keywords))
        self.answers.append(answer)
        self.kept.append(copy.deepcopy(answer))
        return answer


class Replaying:
    """A watcher that gives the answers of a recording and queries no port."""

    def __init__(self, answers: list[Any]) -> None:
        self.asked: list[Any] = []
        self.answers = iter(answers)

    def __call__(self, question: str, put: Any) -> Any:
        self.asked.append((question, put.args, put.keywords))
        return next(self.answers)


@pytest.mark.parametrize("name", CALLS)
def test_the_same_answers_lead_to_the_same_questions_and_the_same_result(name):
    """And no answer is changed."""
    world = portal()

    def result(watcher: Any) -> Any:
        return answer_of(CALLS[name], over(watched(ports_of(world), watcher), world))

    recording = Recording()
    first = result(recording)
    for _ in range(2):
        replaying = Replaying(recording.answers)
        assert result(replaying) == first
        assert replaying.asked == recording.asked
    assert recording.answers == recording.kept


@pytest.mark.parametrize("name", CALLS)
def test_answers_do_not_depend_on_the_order_of_grants(name):
    def turned_round(question: str, put: Any) -> Any:
        answer = put()
        if question != "grants.read":
            return answer
        return {
            exam: attrs.evolve(each, grants=each.grants[::-1], ended=each.ended[::-1])
            for exam, each in answer.items()
        }

    told = []
    for watcher in (lambda _, put: put(), turned_round):
        world = portal()
        answer = answer_of(CALLS[name], over(watched(ports_of(world), watcher), world))
        told.append((answer, world.notifier.sent, world.store.events()))
    assert told[0] == told[1]


STORY: Final = """
import json
import attrs
from calls import CALLS, answer_of, portal, ports_of, sharing_over

def plain(value):
    if isinstance(value, frozenset | set):
        return sorted(map(plain, value))
    if isinstance(value, tuple | list):
        return [plain(each) for each in value]
    if attrs.has(type(value)):
        return [plain(getattr(value, name)) for name in attrs.fields_dict(type(value))]
    return repr(value)

told = {}
for name, call in CALLS.items():
    world = portal()
    told[name] = plain(answer_of(call, sharing_over(ports_of(world), world)))
    told[name, "notices"] = plain(world.notifier.sent)
print(json.dumps({str(name): answer for name, answer in told.items()}))
"""


def test_answers_come_in_one_order_whatever_the_hashes_are():
    told = [
        subprocess.run(
            [sys.executable, "-c", STORY],
            env=os.environ
            | {
                "PYTHONHASHSEED": seed,
                "PYTHONPATH": os.pathsep.join((str(SOURCE.parent), str(Path(__file__).parent))),
            },
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("0", "1", "2")
    ]
    first, *others = map(json.loads, told)
    assert first
    assert others == [first, first]
