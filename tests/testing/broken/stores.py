"""Stores with one realistic bug each, to show that the laws find it.

An entry is a class and a sentence, its docstring, in the tuple at the end.
"""

import time
import unicodedata
from collections import defaultdict
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import groupby

import attrs
from broken.lasting import FORGETFUL_STORES
from broken.outboxes import BROKEN_OUTBOXES

from exam_sharing import Permission
from exam_sharing.memory import MemoryStore

LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)
TICK = timedelta(microseconds=1)


def whole_seconds(at):
    return None if at is None else at.replace(microsecond=0)


class TellsBeforeItCommits(MemoryStore):
    """Notices are put into the outbox before the commit, and stay there when it conflicts."""

    def commit(self, changes):
        self.outbox.put(changes.notices)
        return super().commit(attrs.evolve(changes, notices=()))


class CommitsExamByExam(MemoryStore):
    """Each exam is written in a transaction of its own, so that a conflict leaves half an act."""

    def commit(self, changes):
        for exam, made in groupby(sorted(changes.made, key=lambda g: g.exam), lambda g: g.exam):
            versions = {exam: changes.versions[exam]}
            part = attrs.evolve(changes, versions=versions, made=tuple(made), share=None)
            part = attrs.evolve(part, ended=(), notices=(), receipt=None, withdrawn=None)
            if not super().commit(part):
                return False
        left = {e: self.read((e,), ended=False)[e].version for e in changes.versions}
        return super().commit(attrs.evolve(changes, versions=left, made=()))


class NeverComparesVersions(MemoryStore):
    """The version that was read is not compared, and the last one to write wins."""

    def commit(self, changes):
        now = self.read(tuple(changes.versions), ended=False)
        versions = {exam: kept.version for exam, kept in now.items()}
        return super().commit(attrs.evolve(changes, versions=versions))


class ComparesWhatItWrites(MemoryStore):
    """Only the versions of exams that change are compared: write skew."""

    def commit(self, changes):
        moved = {e: v for e, v in changes.versions.items() if e in changes.moved}
        return super().commit(attrs.evolve(changes, versions=moved))


class ComparesThenWrites(NeverComparesVersions):
    """Versions are compared before the transaction begins, and may have moved when it does."""

    def commit(self, changes):
        now = self.read(tuple(changes.versions), ended=False)
        if any(now[exam].version != read for exam, read in changes.versions.items()):
            return False
        time.sleep(0.001)
        return super().commit(changes)


class LocksNothing(MemoryStore):
    """An act that is to have its turn is told that it has it, and others write all the same."""

    @contextmanager
    def locked(self, exams):
        yield self


class SwallowsConflicts(MemoryStore):
    """A conflict is reported as done."""

    def commit(self, changes):
        super().commit(changes)
        return True


class ForgetsRequests(MemoryStore):
    """Receipts are not kept under their request id."""

    def commit(self, changes):
        return super().commit(attrs.evolve(changes, receipt=None))


class SharesRequestIds(MemoryStore):
    """A request id is taken for everybody once one actor has used it."""

    def commit(self, changes):
        taken = {request_id for _, request_id in self._receipts}
        if changes.receipt is not None and changes.receipt.request_id in taken:
            return False
        return super().commit(changes)


class ForgetsEndings(MemoryStore):
    """Ended grants are deleted."""

    def read(self, exams, *, ended):
        return super().read(exams, ended=False)


class ForgetsAttestations(MemoryStore):
    """Of a share the id alone is kept, and nobody can prove who attested what."""

    def commit(self, changes):
        written = super().commit(changes)
        if written and changes.share is not None:
            self._shares[changes.share.id] = None
        return written


class TruncatesExpiry(MemoryStore):
    """The column for the end of a grant keeps whole seconds."""

    def commit(self, changes):
        made = tuple(attrs.evolve(g, until=whole_seconds(g.until)) for g in changes.made)
        return super().commit(attrs.evolve(changes, made=made))


class TruncatesUploads(MemoryStore):
    """The column for the time of upload keeps whole seconds."""

    def add(self, batch, exams):
        cut = (attrs.evolve(e, uploaded_at=whole_seconds(e.uploaded_at)) for e in exams)
        super().add(batch, tuple(cut))


class UploadsOneByOne(MemoryStore):
    """An upload is recorded exam by exam, until one of them is there already."""

    def add(self, batch, exams):
        for exam in exams:
            super().add(attrs.evolve(batch, sealed=False), (exam,))
        super().add(batch, ())


class LetsSealedBatchesGrow(MemoryStore):
    """Nobody looks whether a batch is sealed."""

    def add(self, batch, exams):
        kept = self._batches.get(batch.id)
        if kept is not None:
            self._batches[batch.id] = attrs.evolve(kept, sealed=False)
        super().add(batch, exams)


class OldestFirst(MemoryStore):
    """A batch is returned in the order in which it was uploaded."""

    def batch_of(self, exam):
        return super().batch_of(exam)[::-1]


class ListsExpired(MemoryStore):
    """Lists do not look at when a grant expires; checks do."""

    def visible(self, user, principals, after, limit, now, *, own):
        return super().visible(user, principals, after, limit, LONG_AGO, own=own)


class ExpiresTooLate(MemoryStore):
    """A grant still counts at the very moment at which it expires."""

    def holds(self, user, principals, permission, exam, now):
        return super().holds(user, principals, permission, exam, now - TICK)


class FiltersPages(MemoryStore):
    """A page is cut first and filtered then, so that it may come out short, or empty."""

    def visible(self, user, principals, after, limit, now, *, own):
        page = super().visible(user, principals, after, limit, LONG_AGO, own=own)
        return tuple(s for s in page if self.holds(user, principals, s.permission, s.exam, now))


class SkipsTies(MemoryStore):
    """The cursor holds the time of upload alone, and skips what was uploaded at the same time."""

    def visible(self, user, principals, after, limit, now, *, own):
        place = None if after is None else (after[0], "")
        return super().visible(user, principals, place, limit, now, own=own)


class RepeatsTies(MemoryStore):
    """The cursor is not behind the last exam of the page, but behind its time of upload."""

    def visible(self, user, principals, after, limit, now, *, own):
        place = None if after is None else (after[0] + TICK, "")
        return super().visible(user, principals, place, limit, now, own=own)


class CollatesTies(MemoryStore):
    """Exams of one time of upload are in the order of a collation that takes A for a."""

    def visible(self, user, principals, after, limit, now, *, own):
        page = super().visible(user, principals, after, limit, now, own=own)
        return tuple(
            sorted(page, key=lambda s: (s.uploaded_at, str(s.exam).casefold()), reverse=True)
        )


class RemembersGroups(MemoryStore):
    """Lists keep the groups that a user was in once, and do not see that they left."""

    def __init__(self):
        super().__init__()
        self.seen = {}

    def visible(self, user, principals, after, limit, now, *, own):
        self.seen[user] = self.seen.get(user, frozenset()) | principals
        return super().visible(user, self.seen[user], after, limit, now, own=own)


class RemembersAnswers(MemoryStore):
    """A cache of checks is not emptied when grants end."""

    def __init__(self):
        super().__init__()
        self.said = {}

    def holds(self, user, principals, permission, exam, now):
        asked = user, principals, permission, exam, now
        return self.said.setdefault(asked, super().holds(*asked))


class IgnoresCase(MemoryStore):
    """Ids of people are compared without regard to case, as a database's default may do."""

    fold = staticmethod(str.casefold)

    def __init__(self):
        super().__init__()
        self.keys = defaultdict(set)

    def commit(self, changes):
        for grant in changes.made:
            self.keys[self.fold(grant.recipient.key)].add(grant.recipient.key)
        return super().commit(changes)

    def alike(self, principals):
        return principals.union(*(self.keys.get(self.fold(key), ()) for key in principals))

    def holds(self, user, principals, permission, exam, now):
        return super().holds(user, self.alike(principals), permission, exam, now)

    def visible(self, user, principals, after, limit, now, *, own):
        return super().visible(user, self.alike(principals), after, limit, now, own=own)


class NormalisesIds(IgnoresCase):
    """Ids of people are brought into one Unicode form, and look-alikes meet."""

    fold = staticmethod(lambda key: unicodedata.normalize("NFKC", key))


class TakesUsersForGroups(IgnoresCase):
    """Users and groups are kept in one column, without their kind."""

    fold = staticmethod(lambda key: key[2:])


class AsksForThatPermission(MemoryStore):
    """A check looks for grants of just that permission: download does not include view."""

    def holds(self, user, principals, permission, exam, now):
        held = super().holds(user, principals, permission, exam, now)
        if permission is Permission.VIEW and held and not self._is_owned(user, exam):
            return not super().holds(user, principals, Permission.DOWNLOAD, exam, now)
        return held

    def _is_owned(self, user, exam):
        return any(each.owner == user for each in self.find((exam,)))


class KnowsOwnersOnly(MemoryStore):
    """An owner who is inactive holds their exams all the same."""

    def holds(self, user, principals, permission, exam, now):
        return super().holds(user, principals or {user.key}, permission, exam, now)


class ShowsWithdrawnExams(MemoryStore):
    """The owner of an exam that was withdrawn still sees it."""

    def holds(self, user, principals, permission, exam, now):
        owned = any(each.owner == user for each in self.find((exam,)))
        return (owned and bool(principals)) or super().holds(
            user, principals, permission, exam, now
        )


class CountsOwnGifts(MemoryStore):
    """A grant to a group that its grantor is in counts for the grantor."""

    def holds(self, user, principals, permission, exam, now):
        return super().holds(user, principals, permission, exam, now) or any(
            grant.recipient.key in principals and grant.permission >= permission
            for grant in self.read((exam,), ended=False)[exam].grants
            if not grant.expired(now)
        )


class OverlooksOwners(MemoryStore):
    """Many checks at once look at grants alone, and forget that owners hold everything."""

    def holding(self, user, principals, permission, exams, now):
        held = super().holding(user, principals, permission, exams, now)
        return held - {exam.id for exam in self.find(tuple(held)) if exam.owner == user}


class ReadsExamByExam(MemoryStore):
    """Several exams are read one after the other, while others write."""

    def read(self, exams, *, ended):
        found = {}
        for exam in exams:
            found |= super().read((exam,), ended=ended)
            time.sleep(0.0005)
        return found


class AuditsWhatNeverHappened(MemoryStore):
    """The event of an act is recorded before its commit, which may conflict."""

    def commit(self, changes):
        self.record(changes.event)
        written = super().commit(changes)
        if written:
            self._events.pop()
        return written


BROKEN_STORES = (
    TellsBeforeItCommits,
    CommitsExamByExam,
    NeverComparesVersions,
    ComparesWhatItWrites,
    ComparesThenWrites,
    LocksNothing,
    SwallowsConflicts,
    ForgetsRequests,
    SharesRequestIds,
    ForgetsEndings,
    ForgetsAttestations,
    TruncatesExpiry,
    TruncatesUploads,
    UploadsOneByOne,
    LetsSealedBatchesGrow,
    OldestFirst,
    ListsExpired,
    ExpiresTooLate,
    FiltersPages,
    SkipsTies,
    RepeatsTies,
    CollatesTies,
    RemembersGroups,
    RemembersAnswers,
    IgnoresCase,
    NormalisesIds,
    TakesUsersForGroups,
    AsksForThatPermission,
    KnowsOwnersOnly,
    ShowsWithdrawnExams,
    CountsOwnGifts,
    OverlooksOwners,
    ReadsExamByExam,
    AuditsWhatNeverHappened,
    *BROKEN_OUTBOXES,
    *FORGETFUL_STORES,
)
