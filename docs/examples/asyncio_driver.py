"""Drive acts with `asyncio`: the same acts, over ports that answer with awaitables.

An act yields questions and is sent their answers. All that a driver adds is where the waiting
happens; it knows no rule, no order of loading and nothing of conflicts.
"""

import asyncio
from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime
from inspect import isawaitable
from typing import Any, TypeVar, cast

import attrs

from exam_sharing import (
    BatchId,
    Exam,
    ExamId,
    Policy,
    ShareReceipt,
    ShareRequest,
    UploadBatch,
    User,
    UserId,
    acts,
)
from exam_sharing.memory import MemoryDirectory, MemoryStore, memory_ports
from exam_sharing.ports import Ports

ResultT = TypeVar("ResultT")


async def drive(act: acts.Act[ResultT], ports: Ports) -> ResultT:
    """Carry an act through over ports whose methods are coroutines."""
    try:
        question = next(act)
        while True:
            try:
                answer: Any = question.put_to(ports)
                if isawaitable(answer):
                    answer = await answer
            except Exception as error:  # noqa: BLE001  the act says what becomes of it
                question = act.throw(error)
            else:
                question = act.send(answer)
    except StopIteration as finished:
        return cast("ResultT", finished.value)


class AsyncPort:
    """Stands in for a port of your own that asks a database or a service with `await`."""

    def __init__(self, port: object) -> None:
        self._port = port

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name == "locked":  # A lock that is held while others go on is not for one thread.
            return lambda _exams: nullcontext()
        method = getattr(self._port, name)

        async def ask(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  as any port
            await asyncio.sleep(0)
            return method(*args, **kwargs)

        return ask


def async_ports(ports: Ports) -> Ports:
    """Return the ports with each method a coroutine."""
    names = [field.name for field in attrs.fields(Ports)]
    return Ports(**{name: cast("Any", AsyncPort(getattr(ports, name))) for name in names})


async def share_one_exam() -> ShareReceipt:
    """Share an exam with a colleague, and return the receipt."""
    now = datetime.now(UTC)
    anna, ben, exam = UserId("anna"), UserId("ben"), ExamId("E1")
    directory = MemoryDirectory()
    directory.add(User(id=anna, name="Anna Kovács", email="anna@example.org"))
    directory.add(User(id=ben, name="Ben Okafor", email="ben@example.org"))
    store = MemoryStore()
    batch = UploadBatch(id=BatchId("B1"), uploader=anna, source="CD", received_at=now)
    store.add(batch, (Exam(id=exam, owner=anna, batch=batch.id, uploaded_at=now),))
    ports = async_ports(memory_ports(store=store, directory=directory))
    request = ShareRequest(actor=anna, exam=exam, recipients=(ben,), attested=True)
    return await drive(acts.share(Policy(), request, now, "act-1"), ports)


if __name__ == "__main__":
    receipt = asyncio.run(share_one_exam())
    print([outcome.outcome.value for outcome in receipt.outcomes])
