"""Stores with one realistic bug each, which the laws must find; the docstring is the bug."""

import time
import unicodedata
from collections import defaultdict
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count, groupby

import attrs

from exam_sharing import Permission
from exam_sharing.accesses import together
from exam_sharing.events import ActRefused
from exam_sharing.memory import MemoryStore
from exam_sharing.memory.accesses import MemoryAccesses
from exam_sharing.memory.outbox import MemoryOutbox
from exam_sharing.policy.access import Given
from exam_sharing.policy.facts import ExamFacts
from exam_sharing.policy.retries import AT_ONCE, Done, GivenUp, TryAgain

LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)
TICK = timedelta(microseconds=1)


def whole_seconds(at):
    return None if at is None else at.replace(microsecond=0)


class TellsBeforeItCommits(MemoryStore):
    """Notices enter the outbox before the commit, and stay there after a conflict."""

    def commit(self, changes):
        self.outbox.put(changes.notices)
        return super().commit(attrs.evolve(changes, notices=()))


class CommitsExamByExam(MemoryStore):
    """Each exam is written in its own transaction, so that a conflict leaves half an act."""

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
    """The versions that were read are not compared; the last writer wins."""

    def commit(self, changes):
        now = self.read(tuple(changes.versions), ended=False)
        versions = {exam: kept.version for exam, kept in now.items()}
        return super().commit(attrs.evolve(changes, versions=versions))


class ComparesWhatItWrites(MemoryStore):
    """Only the versions of changed exams are compared, which allows write skew."""

    def commit(self, changes):
        moved = {e: v for e, v in changes.versions.items() if e in changes.moved}
        return super().commit(attrs.evolve(changes, versions=moved))


class ComparesThenWrites(NeverComparesVersions):
    """Versions are compared before the transaction begins, and may move before it does."""

    def commit(self, changes):
        now = self.read(tuple(changes.versions), ended=False)
        if any(now[exam].version != read for exam, read in changes.versions.items()):
            return False
        time.sleep(0.001)
        return super().commit(changes)


class LocksNothing(MemoryStore):
    """`locked` yields a writer without a lock, and others write all the same."""

    @contextmanager
    def locked(self, exams):
        yield self


class SwallowsConflicts(MemoryStore):
    """A conflict is reported as a success."""

    def commit(self, changes):
        super().commit(changes)
        return True


class ForgetsRequests(MemoryStore):
    """Receipts are not kept under their request id."""

    def commit(self, changes):
        return super().commit(attrs.evolve(changes, receipt=None))


class SharesRequestIds(MemoryStore):
    """A request id that one actor has used is taken for everybody."""

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
    """Only the id of a share is kept; nobody can prove who attested."""

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
    """The column for the upload time keeps whole seconds."""

    def add(self, batch, exams):
        cut = (attrs.evolve(e, uploaded_at=whole_seconds(e.uploaded_at)) for e in exams)
        super().add(batch, tuple(cut))


class UploadsOneByOne(MemoryStore):
    """An upload is recorded exam by exam, until one of them exists already."""

    def add(self, batch, exams):
        for exam in exams:
            super().add(attrs.evolve(batch, sealed=False), (exam,))
        super().add(batch, ())


class LetsSealedBatchesGrow(MemoryStore):
    """Nobody verifies whether a batch is sealed."""

    def add(self, batch, exams):
        kept = self._batches.get(batch.id)
        if kept is not None:
            self._batches[batch.id] = attrs.evolve(kept, sealed=False)
        super().add(batch, exams)


class OldestFirst(MemoryStore):
    """A batch is returned oldest upload first."""

    def batch_of(self, exam):
        return super().batch_of(exam)[::-1]


class ListsExpired(MemoryStore):
    """Lists ignore when a grant expires; checks do not."""

    def visible(self, user, principals, after, limit, now, *, own):
        return super().visible(user, principals, after, limit, LONG_AGO, own=own)


class ExpiresTooLate(MemoryStore):
    """A grant still counts at the exact time at which it expires."""

    def holds(self, user, principals, permission, exam, now):
        return super().holds(user, principals, permission, exam, now - TICK)


class FiltersPages(MemoryStore):
    """A page is cut first and filtered then, so that it may be short or empty."""

    def visible(self, user, principals, after, limit, now, *, own):
        page = super().visible(user, principals, after, limit, LONG_AGO, own=own)
        return tuple(s for s in page if self.holds(user, principals, s.permission, s.exam, now))


class SkipsTies(MemoryStore):
    """The cursor holds only the upload time, and skips other uploads of that time."""

    def visible(self, user, principals, after, limit, now, *, own):
        place = None if after is None else (after[0], "")
        return super().visible(user, principals, place, limit, now, own=own)


class RepeatsTies(MemoryStore):
    """The cursor repeats the uploads of its upload time."""

    def visible(self, user, principals, after, limit, now, *, own):
        place = None if after is None else (after[0] + TICK, "")
        return super().visible(user, principals, place, limit, now, own=own)


class CollatesTies(MemoryStore):
    """Exams of one upload time are sorted without regard to case."""

    def visible(self, user, principals, after, limit, now, *, own):
        page = super().visible(user, principals, after, limit, now, own=own)
        return tuple(
            sorted(page, key=lambda s: (s.uploaded_at, str(s.exam).casefold()), reverse=True)
        )


class RemembersGroups(MemoryStore):
    """Lists keep the former groups of a user."""

    def __init__(self):
        super().__init__()
        self.seen = {}

    def visible(self, user, principals, after, limit, now, *, own):
        self.seen[user] = self.seen.get(user, frozenset()) | principals
        return super().visible(user, self.seen[user], after, limit, now, own=own)


class RemembersAnswers(MemoryStore):
    """A cache of checks is not cleared when grants end."""

    def __init__(self):
        super().__init__()
        self.said = {}

    def holds(self, user, principals, permission, exam, now):
        asked = user, principals, permission, exam, now
        return self.said.setdefault(asked, super().holds(*asked))


class IgnoresCase(MemoryStore):
    """Ids of people are compared without regard to case, as some databases do by default."""

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
    """Ids of people are normalised to one Unicode form, so that look-alikes are equal."""

    fold = staticmethod(lambda key: unicodedata.normalize("NFKC", key))


class TakesUsersForGroups(IgnoresCase):
    """Users and groups are kept in one column, without their kind."""

    fold = staticmethod(lambda key: key[2:])


class AsksForThatPermission(MemoryStore):
    """A check finds only grants of exactly that permission: download does not include view."""

    def holds(self, user, principals, permission, exam, now):
        held = super().holds(user, principals, permission, exam, now)
        if permission is Permission.VIEW and held and not self._is_owned(user, exam):
            return not super().holds(user, principals, Permission.DOWNLOAD, exam, now)
        return held

    def _is_owned(self, user, exam):
        return any(each.owner == user for each in self.find((exam,)))


class KnowsOwnersOnly(MemoryStore):
    """An inactive owner still holds their exams."""

    def holds(self, user, principals, permission, exam, now):
        return super().holds(user, principals or {user.key}, permission, exam, now)


class ShowsWithdrawnExams(MemoryStore):
    """The owner of a withdrawn exam still sees it."""

    def holds(self, user, principals, permission, exam, now):
        owned = any(each.owner == user for each in self.find((exam,)))
        return (owned and bool(principals)) or super().holds(
            user, principals, permission, exam, now
        )


class CountsOwnGifts(MemoryStore):
    """A grant to a group counts for its grantor, who is in the group."""

    def holds(self, user, principals, permission, exam, now):
        return super().holds(user, principals, permission, exam, now) or any(
            grant.recipient.key in principals and grant.permission >= permission
            for grant in self.read((exam,), ended=False)[exam].grants
            if not grant.expired(now)
        )


class OverlooksOwners(MemoryStore):
    """Many checks at once consider only grants, and forget owners."""

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
            self._trail.events.pop()
        return written


class _WithOutbox(MemoryStore):
    def __init__(self):
        super().__init__()
        self.outbox = self.Outbox()


class SendsAgain(_WithOutbox):
    """A sent notice is kept, with its message, and sent again."""

    class Outbox(MemoryOutbox):
        def settle(self, claim, settlement):
            again = TryAgain(at=AT_ONCE, problem="x") if settlement is Done.SENT else settlement
            super().settle(claim, again)


class KeepsMessages(_WithOutbox):
    """The message of a given-up notice is kept."""

    class Outbox(MemoryOutbox):
        def settle(self, claim, settlement):
            super().settle(claim, settlement)
            kept = self._kept.get(claim.notice.id)
            if isinstance(settlement, GivenUp) and kept is not None:
                self._kept[claim.notice.id] = attrs.evolve(kept, notice=claim.notice)


class ClaimsForNoTime(_WithOutbox):
    """A claim does not keep the notice from the next relay."""

    class Outbox(MemoryOutbox):
        def claim(self, now, until, limit, share):
            return super().claim(now, now, limit, share)


class LooksThenClaims(_WithOutbox):
    """Due notices are read first and claimed then, so that two relays may claim one."""

    class Outbox(MemoryOutbox):
        def claim(self, now, until, limit, share):
            before = dict(self._kept)
            time.sleep(0.001)
            with self._lock:
                self._kept |= {key: kept for key, kept in before.items() if key in self._kept}
                return super().claim(now, until, limit, share)


class TrustsLateRelays(_WithOutbox):
    """A claim settles its notice although somebody else has claimed it since."""

    class Outbox(MemoryOutbox):
        def settle(self, claim, settlement):
            kept = self._kept.get(claim.notice.id)
            token = claim.token if kept is None else kept.claimed_by
            super().settle(attrs.evolve(claim, token=token), settlement)


class TriesAtOnce(_WithOutbox):
    """A failed notice is due at once, whatever the schedule."""

    class Outbox(MemoryOutbox):
        def settle(self, claim, settlement):
            at_once = isinstance(settlement, TryAgain)
            super().settle(claim, attrs.evolve(settlement, at=AT_ONCE) if at_once else settlement)


class SendsNewestFirst(_WithOutbox):
    """Notices are claimed newest first, so that old ones wait for ever."""

    class Outbox(MemoryOutbox):
        def claim(self, now, until, limit, share):
            return super().claim(now, until, limit, share)[::-1]


class TruncatesClaims(_WithOutbox):
    """The column for the end of a claim keeps whole seconds."""

    class Outbox(MemoryOutbox):
        def claim(self, now, until, limit, share):
            return super().claim(now, until.replace(microsecond=0), limit, share)


class NumbersAnew(_WithOutbox):
    """The number of a deleted notice is used again."""

    class Outbox(MemoryOutbox):
        def put(self, notices):
            last = max((kept.number for kept in self._kept.values()), default=0)
            self._numbers = count(last + 1)
            super().put(notices)


class LapsesOnce(_WithOutbox):
    """A claim that follows a lapsed one never lapses."""

    class Outbox(MemoryOutbox):
        def claim(self, now, until, limit, share):
            before = {key for key, kept in self._kept.items() if kept.claimed_by is not None}
            claims = super().claim(now, until, limit, share)
            for claim in claims:
                if claim.notice.id in before:
                    kept = self._kept[claim.notice.id]
                    self._kept[claim.notice.id] = attrs.evolve(kept, due=None)
            return claims


class RequeuesForNoShare(_WithOutbox):
    """A given-up notice leaves the index of its share, and does not come back to it."""

    class Outbox(MemoryOutbox):
        def settle(self, claim, settlement):
            super().settle(claim, settlement)
            kept = self._kept.get(claim.notice.id)
            if kept is not None and kept.given_up_at is not None:
                self._of_share[claim.notice.share].discard(claim.notice.id)


class NumbersBeforehand(MemoryStore):
    """Notices get their numbers before the transaction begins."""

    last = 0

    def commit(self, changes):
        last = self.last
        time.sleep(0.0002)
        with self.locked(()):
            self.outbox._numbers = count(last + 1)
            written = super().commit(changes)
            self.last = last + len(changes.notices) if written else self.last
            return written


class NeedsAnExam(MemoryStore):
    """An act that read no exam is never written."""

    def commit(self, changes):
        return bool(changes.versions) and super().commit(changes)


class UploadsOverGrants(MemoryStore):
    """Grants on an exam that is not there are reported as written, and lost by its upload."""

    def commit(self, changes):
        there = {each.id for each in self.find(tuple(changes.moved))}
        return super().commit(changes) or not changes.moved <= there


class KeepsReceiptsOfSharesAlone(MemoryStore):
    """A receipt is a column of its share, so that endings have none."""

    def commit(self, changes):
        kept = None if changes.share is None else changes.receipt
        return super().commit(attrs.evolve(changes, receipt=kept))


class OverwritesReceipts(MemoryStore):
    """The receipt of an ending overwrites the receipt under its request id."""

    def commit(self, changes):
        if changes.share is not None or changes.receipt is None:
            return super().commit(changes)
        written = super().commit(attrs.evolve(changes, receipt=None))
        if written:
            self._receipts[changes.receipt.actor, changes.receipt.request_id] = changes.receipt
        return written


class CutsBatches(MemoryStore):
    """A batch is read with a limit that seemed large enough."""

    def batch_of(self, exam):
        return super().batch_of(exam)[:1_000]


class EndsOverEndings(MemoryStore):
    """The endings of a withdrawal overwrite earlier endings."""

    def commit(self, changes):
        written = super().commit(changes)
        if written and changes.withdrawn is not None:
            self._ended[changes.withdrawn] = changes.ended
        return written


class OrdersEventsByClock(MemoryStore):
    """Events are ordered by their times instead of their commits."""

    def events(self):
        return tuple(sorted(super().events(), key=lambda event: event.at))


class LosesItsPlace(MemoryStore):
    """A list begins again if the exam of its cursor is gone."""

    def visible(self, user, principals, after, limit, now, *, own):
        every = super().visible(user, principals, None, 10_000, now, own=own)
        places = [(each.uploaded_at, each.exam.value) for each in every]
        first = places.index(after) + 1 if after in places else 0
        return every[first : first + limit]


class RollsBackOnRefusals(MemoryStore):
    """The transaction that records a refusal rolls back the act before it."""

    def __init__(self):
        super().__init__()
        self._before = {}

    def commit(self, changes):
        before = dict(self.ready_exams)
        written = super().commit(changes)
        if written:
            self._before = before
        return written

    def record(self, event):
        super().record(event)
        if isinstance(event, ActRefused):
            self.ready_exams.update(self._before)


class _AnswersAtOnce(MemoryStore):
    """Answers at once what views and acts ask, from the answers of the other methods."""

    def permission_held(self, user, principals, exam, now):
        held = [each for each in Permission if self.holds(user, principals, each, exam, now)]
        return max(held, default=None)

    def facts_seen(self, user, principals, exam, now, *, batch):
        if not self.holds(user, principals, Permission.VIEW, exam, now):
            return ()
        exams = self.batch_of(exam) if batch else self.find((exam,))
        return tuple(each for each in map(self._facts_of, exams) if not each.sharing.withdrawn)

    def facts_involved(self, user, principals, named, now, *, own):
        involved = self.involved(user, principals, named, now)
        if involved is None or (own and not involved.own):
            return None
        return involved, *map(self._facts_of, self.find((involved.exam,)))

    def _facts_of(self, exam):
        return ExamFacts(exam=exam, sharing=self.read((exam.id,), ended=False)[exam.id])


class ReadsHiddenBatches(_AnswersAtOnce):
    """Answers at once include the batch of an exam that the user does not see."""

    def facts_seen(self, user, principals, exam, now, *, batch):
        exams = self.batch_of(exam) if batch else self.find((exam,))
        return tuple(each for each in map(self._facts_of, exams) if not each.sharing.withdrawn)


class GivesOwnersNoTabs(_AnswersAtOnce):
    """The highest permission is looked up in grants alone, and owners are forgotten."""

    def permission_held(self, user, principals, exam, now):
        grants = self.read((exam,), ended=False)[exam].grants
        given = Given(grant for grant in grants if not grant.expired(now))
        held = given.to(principals, user)
        return max((each for each in Permission if held.holds(each, now)), default=None)


class KeepsTheWithdrawn(_AnswersAtOnce):
    """Answers at once have the withdrawn exams of a batch."""

    def facts_seen(self, user, principals, exam, now, *, batch):
        found = super().facts_seen(user, principals, exam, now, batch=batch)
        return tuple(map(self._facts_of, self.batch_of(exam))) if found and batch else found


class OpensGrantsOfOthers(_AnswersAtOnce):
    """Who names a grant gets the exam's facts, even where they may see only their own."""

    def facts_involved(self, user, principals, named, now, *, own):
        return super().facts_involved(user, principals, named, now, own=False)


class AnswersOfToday(MemoryStore):
    """The past of an exam is always its present version."""

    def past(self, exam, moment):
        past = super().past(exam, moment)
        return attrs.evolve(past, version=past.sharing.version)


class ExcludesTheMoment(MemoryStore):
    """A version made exactly at a time is not yet there at that time."""

    def past(self, exam, moment):
        earlier = moment.at - TICK if moment.version is None else moment.at
        return super().past(exam, attrs.evolve(moment, at=earlier))


class ForgetsWhatEnded(MemoryStore):
    """The past of an exam has only the grants that stand today."""

    def past(self, exam, moment):
        past = super().past(exam, moment)
        return attrs.evolve(past, sharing=attrs.evolve(past.sharing, ended=()))


class HidesRefusals(MemoryStore):
    """Histories hold what was done, and no refusals."""

    def happened(self, exam, user, wanted):
        found = super().happened(exam, user, wanted)
        return tuple(each for each in found if not isinstance(each.what, ActRefused))


class LosesEntriesOfOneTime(MemoryStore):
    """The next page of a history begins behind the time of the last entry."""

    def happened(self, exam, user, wanted):
        if wanted.after is not None:
            wanted = attrs.evolve(wanted, after=(wanted.after[0], 0))
        return super().happened(exam, user, wanted)


class _KeepsAccesses(MemoryStore):
    """A store with other accesses."""

    Accesses = MemoryAccesses

    def __init__(self):
        super().__init__()
        self.accesses = self.Accesses(self.record)


class KeepsTheLastReport(_KeepsAccesses):
    """A report of accesses overwrites the one before it, with its count."""

    class Accesses(MemoryAccesses):
        def put(self, accesses):
            for each in accesses:
                self._rows.pop(each.id, None)
                super().put((each,))
            return True


class LosesAccessesOfOneTime(_KeepsAccesses):
    """The next page of accesses begins behind the time of the last one."""

    class Accesses(MemoryAccesses):
        def find(self, wanted):
            if wanted.after is not None:
                wanted = attrs.evolve(wanted, after=(wanted.after[0], ""))
            return super().find(wanted)


class OverlooksLongAccesses(_KeepsAccesses):
    """Accesses that began before a time are left out, although they went on after it."""

    class Accesses(MemoryAccesses):
        def find(self, wanted):
            found = super().find(wanted)
            return tuple(e for e in found if wanted.since is None or wanted.since <= e.first)


class PurgesWhatGoesOn(_KeepsAccesses):
    """A purge deletes accesses that began before its time, although they went on after it."""

    class Accesses(MemoryAccesses):
        def purge(self, purged):
            over = [e for e in self._rows.values() if e.first < purged.request.before]
            self._rows.update({e.id: attrs.evolve(e, last=e.first) for e in over})
            return super().purge(purged)


class PurgesInSilence(_KeepsAccesses):
    """A purge of accesses is not recorded."""

    def __init__(self):
        super().__init__()
        self.accesses = MemoryAccesses(lambda event: None)


class CountsAside(_KeepsAccesses):
    """A report of accesses reads a count and writes another, and others may do so in between."""

    class Accesses(MemoryAccesses):
        def put(self, accesses):
            for each in accesses:
                known = self._rows.get(each.id)
                time.sleep(0.0001)
                super().put((each,))
                if known is not None:
                    self._rows[each.id] = together(known, each)
            return True


BROKEN_STORES = [
    each
    for name, each in list(vars().items())
    if isinstance(each, type) and each.__module__ == __name__ and name[0] != "_"
]
