"""`open_async_sharing`: everything in memory, for an event loop."""

from collections.abc import Callable
from datetime import datetime

from exam_sharing.asynchronous import AsyncSharing
from exam_sharing.bridge import AsyncDirectory, AsyncHostFacts, AsyncNotifier, ThreadBridge
from exam_sharing.memory import MemoryStore, open_sharing
from exam_sharing.policy.settings import Policy
from exam_sharing.ports import Directory, HostFacts, Notifier

__all__ = ["open_async_sharing"]


def open_async_sharing(
    *,
    policy: Policy | None = None,
    directory: AsyncDirectory | None = None,
    notifier: AsyncNotifier | None = None,
    clock: Callable[[], datetime] | None = None,
    new_id: Callable[[], str] | None = None,
    store: MemoryStore | None = None,
    host_facts: AsyncHostFacts | None = None,
) -> AsyncSharing:
    """Return an `AsyncSharing` that keeps everything in memory, until the process ends.

    Its calls run in threads. The arguments and the errors are as for `open_sharing`. Methods of
    `directory`, `notifier` and `host_facts` may be coroutine functions, which run on the loop.
    """
    bridge = ThreadBridge()
    sharing = open_sharing(
        policy=policy,
        directory=bridge.port(directory, Directory),
        notifier=bridge.port(notifier, Notifier),
        clock=clock,
        new_id=new_id,
        store=store,
        host_facts=bridge.port(host_facts, HostFacts),
    )
    return AsyncSharing(sharing, bridge)
