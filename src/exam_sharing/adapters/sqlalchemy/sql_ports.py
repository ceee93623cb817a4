"""Every port, with all that is kept in one database."""

from typing_extensions import override

from exam_sharing.adapters.sqlalchemy.host_exams import SqlSharingStore
from exam_sharing.adapters.sqlalchemy.store import SqlStore
from exam_sharing.errors import StoreFailed
from exam_sharing.events import ShareNotice
from exam_sharing.ports import Directory, HostFacts, NoHostFacts, Notifier, Ports
from exam_sharing.validation import require_instance

__all__ = ["NoNotifier", "sql_ports"]


class NoNotifier(Notifier):
    """Sends nothing, so that notices wait until somebody comes who can."""

    @override
    def send(self, notice: ShareNotice) -> None:
        raise StoreFailed("no notifier was given, so notices wait")


def sql_ports(
    store: SqlStore | SqlSharingStore,
    *,
    directory: Directory,
    notifier: Notifier | None = None,
    host_facts: HostFacts | None = None,
) -> Ports:
    """Return every port, with all that is kept in one store.

    Without a notifier, notices wait: none is taken out to be sent in vain.
    """
    require_instance("store", store, SqlStore, SqlSharingStore)
    outbox = store.outbox.held_back() if notifier is None else store.outbox
    return Ports(
        exams=store,
        uploads=store,
        grants=store,
        writer=store,
        access=store,
        outbox=outbox,
        directory=directory,
        notifier=NoNotifier() if notifier is None else notifier,
        audit=store,
        host_facts=NoHostFacts() if host_facts is None else host_facts,
    )
