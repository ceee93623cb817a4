"""Every storing port in one class, over one list in Redis, for any number of threads and processes.

The list is a log of the calls that change something. Each client makes the same calls in the same
order on a `MemoryStore` of its own, and answers from it after reading the rest of the log. The
place in the log decides a race: the call of an act that lost it stays there and changes nothing.

It is for small portals, and to be read. Every client holds everything, and a new client makes all
calls since the first: snapshots are left out. All clients run one version of this package. Redis
must keep what it acknowledged (`appendfsync always`); a client that finds the end of the log lost
answers nothing more. Who can write to the list decides who sees which exam. Its entries are plain
documents, so that reading them runs no code.

Messages are not in the log, which forgets nothing, but in a hash. A message is erased right after
its notice was settled; if the client dies in between, the next settlement erases it.

A change raises `StoreFailed` if the answer of Redis got lost. It may have been written, as with any
database: repeat it with the same request id. The client of Redis may send a change again by itself,
since only its first entry counts.
"""

import json
from datetime import datetime
from enum import Enum
from functools import wraps
from sys import maxsize
from threading import RLock
from uuid import uuid4

import attrs
import redis

import exam_sharing as es
from exam_sharing import events, exams, grants, identifiers, ports
from exam_sharing.documents import fields_of, plain
from exam_sharing.memory import MemoryStore
from exam_sharing.policy import decisions, plans, requests, retries

OF_STORE, OF_OUTBOX = {"add", "commit", "record", "transfer"}, {"claim", "settle", "requeue"}
KINDS = {
    kind.__name__: kind
    for module in (events, exams, grants, identifiers, ports, decisions, plans, requests, retries)
    for kind in vars(module).values()
    if isinstance(kind, type) and (attrs.has(kind) or issubclass(kind, Enum))
}
"""The types of the values in entries; reading an entry creates no other."""


def tagged(value):
    """Return the document of a value, with the name of its type under `is`."""
    match value:
        case Enum():
            fields = {"value": value.name}
        case identifiers.Identifier():
            fields = {"value": value.value}
        case events.WaitingNotice():  # Its message is a place in the hash.
            fields = fields_of(value, {**FORMS, "message": lambda place: place and str(place)})
        case _:
            fields = fields_of(value, FORMS)
    return {"is": type(value).__name__, **fields}


FORMS = {
    **dict.fromkeys(KINDS.values(), tagged),
    **dict.fromkeys(("subject", "why"), lambda text: text and str(text)),
    datetime: lambda at: {"is": "time", "value": at.isoformat()},
    frozenset: lambda ids: {"is": "set", "value": plain(sorted(ids), FORMS)},
    "versions": lambda of: {"is": "versions", "value": [[str(e), n] for e, n in of.items()]},
    "names": lambda _: {},  # Those in a receipt are looked up whenever it is returned.
}


def value_of(document):
    """Return the value of an object in an entry, whose fields are values already."""
    fields = {key: tuple(v) if isinstance(v, list) else v for key, v in document.items()}
    match fields.pop("is", None):
        case None:
            return fields
        case "time":
            return datetime.fromisoformat(fields["value"])
        case "set":
            return frozenset(fields["value"])
        case "versions":
            return {es.ExamId(exam): version for exam, version in fields["value"]}
        case name if issubclass(KINDS[name], Enum):
            return KINDS[name][fields["value"]]
        case name:
            return KINDS[name](**fields)


def call_of(entry):
    """Return the id of a call, its name, and its arguments."""
    try:
        number, name, given = json.loads(entry, object_hook=value_of)
        if name in OF_STORE | OF_OUTBOX:
            return number, name, given
    except Exception:  # noqa: BLE001, S110  it may quote a value, so another is raised below
        pass
    raise es.StoreFailed("the log has an entry that this version cannot read; update every client")


def from_memory(method):
    """Return a method that calls this one of the memory as of now."""

    @wraps(method)
    def answer(self, *given, **named):
        return method(self._now(), *given, **named)

    return answer


class RedisStore(ports.GrantWriter):  # its acts race: there is no lock to decide in
    def __init__(self, client, name="exam-sharing"):
        self._redis, self._log, self._messages = client, f"{name}:log", f"{name}:messages"
        self._lock = RLock()
        self._begin()

    def _begin(self):
        """Begin before the first entry of the log."""
        self._memory, self._last, self._length, self._seen = MemoryStore(), None, 0, set()

    def _asked(self, *commands):
        """Return the answers of Redis to commands at one moment."""
        try:
            with self._redis.pipeline() as pipe:
                for command in commands:
                    pipe.execute_command(*command)
                return pipe.execute()
        except redis.exceptions.BusyLoadingError:
            failure = es.StoreBusy("Redis is still loading its data; nothing was done, try again")
        except redis.RedisError as error:
            failure = es.StoreFailed(f"Redis raised {type(error).__name__}")
        raise failure  # Out here, since the error of Redis may quote a message.

    def _exchange(self, *commands):
        """Send commands, and read and apply the rest of the log, at one moment.

        Return the answer to each command, and last the results of the calls by id.
        """
        with self._lock:
            rest = "LRANGE", self._log, max(self._length - 1, 0), -1
            *answers, entries = self._asked(*commands, rest)
            if self._length and entries[:1] != [self._last]:
                raise es.StoreFailed("Redis lost the end of the log; restart every client")
            results = {}
            try:
                for entry in entries[self._length > 0 :]:
                    results |= self._applied(entry)
                    self._length, self._last = self._length + 1, entry
            except BaseException:
                self._begin()  # An interrupt may have left a call half applied.
                raise
            return *answers, results

    def _applied(self, entry):
        """Apply an entry to the memory; return the result of its call, or its error, by id."""
        number, name, given = call_of(entry)
        if number in self._seen:
            return {}
        self._seen.add(number)
        home = self._memory if name in OF_STORE else self._memory.outbox
        try:
            return {number: (getattr(home, name)(**given), None)}
        except Exception as error:  # noqa: BLE001  every client gets the same
            return {number: (None, error)}

    def _change(self, name, *commands, **given):
        """Append a call to the log, and return its result at its place there."""
        call = uuid4().hex, name, given
        entry = json.dumps(plain(call, FORMS))
        if call_of(entry) != call:
            raise es.StoreFailed(f"the arguments of {name} cannot be stored")
        *_, results = self._exchange(*commands, ("RPUSH", self._log, entry))
        result, error = results[call[0]]
        if error is not None:
            raise error
        return result

    def _now(self):
        """Return the memory as of now."""
        with self._lock:
            self._exchange()
            return self._memory

    find, batch_of = map(from_memory, (MemoryStore.find, MemoryStore.batch_of))
    read, receipt = map(from_memory, (MemoryStore.read, MemoryStore.receipt))
    find_grants, removed = map(from_memory, (MemoryStore.find_grants, MemoryStore.removed))
    grants_of_share = from_memory(MemoryStore.grants_of_share)
    exams_granted_to = from_memory(MemoryStore.exams_granted_to)
    share_record, events = map(from_memory, (MemoryStore.share_record, MemoryStore.events))
    involved, visible = map(from_memory, (MemoryStore.involved, MemoryStore.visible))
    holds, holding = map(from_memory, (MemoryStore.holds, MemoryStore.holding))

    def listed(self, after, limit, *, given_up):
        return self._now().outbox.listed(after, limit, given_up=given_up)

    def add(self, batch, exams):
        self._change("add", batch=batch, exams=exams)

    def transfer(self, exam, owner, at):
        self._change("transfer", exam=exam, owner=owner, at=at)

    def record(self, event):
        self._change("record", event=event)

    def step_aside(self, lost):
        self._memory.step_aside(lost)

    def commit(self, changes):
        told = [(n, None if n.message is None else str(uuid4().int)) for n in changes.notices]
        texts = [text for n, place in told if place for text in (place, json.dumps(n.message))]
        notices = tuple(attrs.evolve(notice, message=place) for notice, place in told)
        keep = [("HSET", self._messages, *texts)] if texts else []
        written = self._change("commit", *keep, changes=attrs.evolve(changes, notices=notices))
        if texts and not written:
            self._erase_messages()
        return written

    def _erase_messages(self):
        """Erase the messages that no waiting notice has, also what clients that died left."""
        with self._lock:
            places, _ = self._exchange(("HKEYS", self._messages))
            waiting = self._memory.outbox.waiting()
        needed = {int(notice.message) for notice in waiting if notice.message}
        if gone := set(map(int, places)) - needed:
            self._asked(("HDEL", self._messages, *gone))

    def claim(self, now, until, limit, share):
        waiting = self.listed(None, maxsize, given_up=False)
        if not any(each.due <= now and share in {None, each.share} for each in waiting):
            return ()  # A relay that finds nothing leaves the log as it is.
        claims = self._change("claim", now=now, until=until, limit=limit, share=share)
        places = [each.notice.message for each in claims if each.notice.message]
        (found,) = self._asked(("HMGET", self._messages, *places)) if places else ([],)
        texts = {place: json.loads(text) for place, text in zip(places, found, strict=True) if text}
        # Whoever claimed a notice after this claim lapsed may have erased its message.
        return tuple(
            attrs.evolve(claim, notice=attrs.evolve(claim.notice, message=texts.get(place)))
            for claim in claims
            if (place := claim.notice.message) is None or place in texts
        )

    def settle(self, claim, settlement):
        silent = attrs.evolve(claim, notice=attrs.evolve(claim.notice, message=None))
        self._change("settle", claim=silent, settlement=settlement)
        if not isinstance(settlement, retries.TryAgain):
            self._erase_messages()

    def requeue(self, notices):
        return self._change("requeue", notices=notices)
