"""Every port in memory: the reference for other stores, and the embedded default.

>>> from exam_sharing.memory import open_sharing
>>> sharing = open_sharing()
"""

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import uuid4

from exam_sharing.conformance import require_conforming
from exam_sharing.memory.directory import MemoryDirectory
from exam_sharing.memory.outbox import MemoryNotifier, MemoryOutbox
from exam_sharing.memory.store import MemoryStore
from exam_sharing.policy.settings import Policy
from exam_sharing.ports import Directory, HostFacts, NoHostFacts, Notifier, Ports
from exam_sharing.sharing import Sharing

__all__ = ["MemoryDirectory", "MemoryNotifier", "MemoryOutbox", "MemoryStore", "memory_ports"]
__all__ += ["open_sharing"]


def memory_ports(
    *,
    store: MemoryStore | None = None,
    directory: Directory | None = None,
    notifier: Notifier | None = None,
    host_facts: HostFacts | None = None,
) -> Ports:
    """Return every port, in memory where none is given."""
    kept = MemoryStore() if store is None else store
    require_conforming("store", kept, *MemoryStore.__bases__)
    return Ports(
        exams=kept,
        uploads=kept,
        grants=kept,
        writer=kept,
        access=kept,
        outbox=kept.outbox,
        directory=MemoryDirectory() if directory is None else directory,
        notifier=MemoryNotifier() if notifier is None else notifier,
        audit=kept,
        host_facts=NoHostFacts() if host_facts is None else host_facts,
        history=kept,
        accesses=kept.accesses,
    )


def open_sharing(
    *,
    policy: Policy | None = None,
    directory: Directory | None = None,
    notifier: Notifier | None = None,
    clock: Callable[[], datetime] | None = None,
    new_id: Callable[[], str] | None = None,
    store: MemoryStore | None = None,
    host_facts: HostFacts | None = None,
) -> Sharing:
    """Return a `Sharing` that keeps everything in memory, until the process ends.

    Args:
        policy: the deployment's settings; by default `Policy()`.
        directory: users and groups; by default an empty `MemoryDirectory`.
        notifier: by default a `MemoryNotifier`, which keeps every notice in `sent`.
        clock: returns the time, aware; by default the clock of the machine.
        new_id: returns a new identifier for each act; by default a random UUID. People may see it,
            so it must not be a counter, which shows how many acts there were.
        store: where to keep exams and grants; by default a `MemoryStore` of its own.
        host_facts: facts for the host's own rules.

    Raises:
        InvalidValue: the clock returns a naive time, or a port lacks methods.
        WrongKind: the policy is of another type.
    """
    now = (lambda: datetime.now(UTC)) if clock is None else clock
    people = MemoryDirectory(clock=now) if directory is None else directory
    return Sharing(
        policy=Policy() if policy is None else policy,
        ports=memory_ports(store=store, directory=people, notifier=notifier, host_facts=host_facts),
        clock=now,
        new_id=(lambda: str(uuid4())) if new_id is None else new_id,
        sends_at_once=True,
    )
