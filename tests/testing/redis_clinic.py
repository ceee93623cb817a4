"""The clinic of the docs over their store in Redis, in any process."""

from itertools import count

import attrs

from docs_examples import examples
from exam_sharing import BatchId, Exam, Policy, ShareRequest, Sharing, UploadBatch, UserId
from exam_sharing.memory import memory_ports

with examples():
    from clinic import ANNA, CT, DAY, MR, NOON, people

PORTS = ("exams", "uploads", "grants", "writer", "access", "outbox", "audit")


def client_of(socket, *, repeats=0, **options):
    """Return a client of Redis that repeats what was not answered only so often."""
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    return redis.Redis(unix_socket_path=socket, retry=Retry(NoBackoff(), repeats), **options)


def store_of(client):
    with examples():
        from redis_store import RedisStore

    return RedisStore(client)


def clinic_over(store, name="act", notifier=None):
    """Open the clinic over a store; its acts have ids that begin with a name."""
    ports = memory_ports(directory=people(), notifier=notifier)
    return Sharing(
        policy=Policy(),
        ports=attrs.evolve(ports, **dict.fromkeys(PORTS, store)),
        clock=lambda: NOON,
        new_id=map(f"{name}{{}}".format, count(1)).__next__,
        sends_at_once=False,
    )


def upload(store):
    """Let Anna upload the CT and the MR."""
    batch = UploadBatch(id=BatchId("cd"), uploader=ANNA, received_at=NOON)
    exams = (Exam(id=exam, owner=ANNA, batch=batch.id, uploaded_at=NOON) for exam in (CT, MR))
    store.add(batch, tuple(exams))


def share(store, *recipients, name="act", **more):
    """Let Anna share the CT."""
    request = ShareRequest(actor=ANNA, exam=CT, recipients=recipients, attested=True, **more)
    return clinic_over(store, name).share(request)


def share_often(socket, reader):
    """Share the CT with one user, ten times for longer."""
    with client_of(socket) as client:
        store = store_of(client)
        for day in range(1, 11):
            share(store, UserId(reader), name=f"{reader} {day} ", until=NOON + DAY * day)
