"""Random stories, for tests of the invariants.

A story is a small hospital (five users, three groups, two batches of exams) and a row of steps, all
drawn by Hypothesis. A test compares the hospital before and after each step.
"""

import inspect
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import attrs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import exam_sharing as es
from exam_sharing.memory import MemoryDirectory, MemoryNotifier, open_sharing
from exam_sharing.testing.worlds import perform
from where_kept import empty_store

START = datetime(2026, 1, 1, tzinfo=UTC)
USERS = tuple(es.UserId(name) for name in ("ann", "ben", "cat", "dan", "eve"))
GROUPS = tuple(es.GroupId(name) for name in ("staff", "ward", "ann"))
BATCHES = (es.BatchId("cd"), es.BatchId("night"))
EXAMS = tuple(es.ExamId(f"E{number}") for number in range(5))
PRINCIPALS = (*USERS, *GROUPS)


def minutes(number):
    return START + timedelta(minutes=number)


@attrs.define(slots=False)
class Story:
    """One hospital, and what happens in it."""

    policy: es.Policy
    hidden: frozenset
    hidden_members: frozenset
    store: object = attrs.field(factory=empty_store)
    now: datetime = START
    acts: int = 0

    def __attrs_post_init__(self):
        self.directory = MemoryDirectory(
            visible=lambda actor, principal: (actor, principal) not in self.hidden,
            members_visible=lambda actor, group: (actor, group) not in self.hidden_members,
        )
        self.notifier = MemoryNotifier()
        self.sharing = open_sharing(
            policy=self.policy,
            directory=self.directory,
            notifier=self.notifier,
            clock=lambda: self.now,
            new_id=self._new_id,
            store=self.store,
        )

    def _new_id(self):
        self.acts += 1
        return f"act{self.acts}"

    def add_user(self, user, *, active=True, plan=True, notices=True):
        person = es.User(
            id=user, name=str(user).title(), email=f"{user}@example.org", active=active
        )
        self.directory.add(person, sharing_in_plan=plan, notices=notices)

    def add_group(self, group, members):
        """Set the members of a group, unless it would hold itself."""
        with suppress(es.MembershipCycle):
            self.directory.add(es.Group(id=group, name=str(group), members=members))

    def add_upload(self, batch, exams):
        uploaded = es.UploadBatch(id=batch, uploader=USERS[0], source="CD", received_at=START)
        self.sharing.add_upload(uploaded, exams)

    def transfer(self, exam, owner):
        self.store.transfer(exam, owner, at=self.now)

    def do(self, request):
        """Perform a request with the package; return the receipt or the refusal."""
        try:
            return perform(self.sharing, request)
        except es.Refused as refused:
            return refused

    def facts(self, exam):
        return self.store.read((exam,), ended=True)[exam]

    def every_grant(self):
        """Return every grant ever made, ended or not."""
        for exam in EXAMS:
            facts = self.facts(exam)
            yield from facts.grants
            yield from (past.grant for past in facts.ended)

    def standing(self, exam):
        return [grant for grant in self.facts(exam).grants if not grant.expired(self.now)]

    def everything_held(self):
        """Return every user, exam and permission for which `can` is true."""
        return {
            (user, exam, permission)
            for user in USERS
            for exam in EXAMS
            for permission in es.Permission
            if self.sharing.can(user, permission, exam)
        }

    def snapshot(self):
        """Return all that the store keeps, except the record of refusals."""
        return (
            {exam: self.facts(exam) for exam in EXAMS},
            self.store.outbox.waiting(),
            len([event for event in self.store.events() if not hasattr(event, "reasons")]),
        )


def content(grant):
    """Return a grant without its id and its basis."""
    return (
        grant.exam,
        grant.grantor,
        grant.recipient,
        grant.permission,
        grant.until,
        grant.version,
        grant.basis is es.OWNER,
    )


def contents(grants):
    return Counter(map(content, grants))


def rarely(strategy, otherwise):
    """Draw from the strategy about one time in six."""
    return st.integers(0, 5).flatmap(lambda n: strategy if n == 0 else st.just(otherwise))


users = st.sampled_from(USERS)
groups = st.sampled_from(GROUPS)
exams = st.sampled_from(EXAMS)
principals = st.sampled_from(PRINCIPALS)
times = st.integers(0, 30).map(minutes)
permissions = st.sampled_from(es.Permission)
reshares = st.sampled_from((*es.Reshares, None))

patient = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
"""For tests with long stories."""

everyone_sees = st.builds(es.Policy, reshares=st.sampled_from(es.Reshares))
policies = st.builds(
    es.Policy,
    max_recipients=rarely(st.just(2), 100),
    max_exams=rarely(st.just(2), 100),
    max_people=rarely(st.just(2), 100),
    max_duration=rarely(st.just(timedelta(minutes=10)), None),
    message_limit=st.just(10),
    reshares=st.sampled_from(es.Reshares),
    only_owner_readmits=st.booleans(),
    batches_across_subjects=rarely(st.just(False), True),
    access_list=st.sampled_from(es.AccessListScope),
    sends_notices=rarely(st.just(False), True),
)

shares = st.builds(
    es.ShareRequest,
    actor=users,
    exam=exams,
    recipients=rarely(st.just(()), None).flatmap(
        lambda none: st.just(none) if none is not None else st.lists(principals, max_size=3)
    ),
    permission=permissions,
    scope=st.sampled_from(es.Scope),
    until=st.none() | times,
    attested=rarely(st.just(False), True),
    wording=rarely(st.just("an older wording"), None),
    message=rarely(st.sampled_from(("hello", "much too long", "bell \a", "a\r\nb")), None),
    expect=rarely(st.frozensets(exams, max_size=3), None),
)


def endings(**named):
    """Draw unshares, and narrowings to a permission, to a time, or to both."""
    permission, until = {"permission": permissions}, {"until": times}
    bounds = (permission, until, permission | until)
    narrowings = [st.builds(es.NarrowRequest, reshares=reshares, **named, **b) for b in bounds]
    return st.builds(es.UnshareRequest, reshares=reshares, **named), st.one_of(*narrowings)


unshares, narrows = endings(actor=users, exam=exams, recipient=principals)


@st.composite
def stories(draw, policies=policies, hiding=True, new_store=empty_store):
    """Draw a hospital without shares, in an empty store."""
    pairs = st.frozensets(st.tuples(users, principals), max_size=4)
    member_pairs = st.frozensets(st.tuples(users, groups), max_size=4)
    story = Story(
        policy=draw(policies),
        hidden=draw(rarely(pairs, frozenset())) if hiding else frozenset(),
        hidden_members=draw(st.just(frozenset()) | member_pairs) if hiding else frozenset(),
        store=new_store(),
    )
    for user in USERS:
        story.add_user(user)
    staff, ward, namesake = GROUPS
    story.add_group(staff, draw(st.frozensets(users, max_size=3)))
    story.add_group(ward, draw(st.frozensets(st.sampled_from((*USERS, staff)), max_size=3)))
    story.add_group(namesake, draw(st.frozensets(st.sampled_from((*USERS, ward)), max_size=2)))
    subjects = st.sampled_from((None, "P1", "P2"))
    for batch, ids in zip(BATCHES, (EXAMS[:3], EXAMS[3:]), strict=True):
        story.add_upload(
            batch,
            [
                es.Exam(
                    id=exam,
                    owner=draw(st.sampled_from(USERS[:2])),
                    batch=batch,
                    uploaded_at=draw(st.sampled_from((START, minutes(-1)))),
                    subject=draw(subjects),
                )
                for exam in ids
            ],
        )
    return story


def likely_shares(story: Story):
    """Draw shares by users with access, so that most of them are permitted."""
    owners = {exam.id: exam.owner for exam in story.store.find(EXAMS)}
    held = sorted({(user, exam) for user, exam, _ in story.everything_held()})
    passing_on = [(user, exam) for user, exam in held if owners[exam] != user]
    pairs = [*held[:3], *passing_on, *passing_on[-3:]] or [(USERS[0], EXAMS[0])]

    def by(pair):
        user, exam = pair
        others = [p for p in PRINCIPALS if p not in (user, owners[exam])]
        return st.builds(
            es.ShareRequest,
            actor=st.just(user),
            exam=st.just(exam),
            recipients=st.lists(st.sampled_from(others), min_size=1, max_size=2),
            permission=permissions,
            scope=st.sampled_from((es.Scope.EXAM, es.Scope.EXAM, es.Scope.BATCH)),
            until=st.none() | st.integers(1, 9).map(lambda n: story.now + timedelta(minutes=n)),
            attested=st.just(True),
        )

    return st.sampled_from(pairs).flatmap(by)


def likely_endings(story: Story):
    """Draw endings of a standing grant, most of them by its grantor or the owner."""
    grants = [grant for exam in EXAMS for grant in story.standing(exam)]
    if not grants:
        return unshares | narrows

    def by_somebody(grant: es.Grant):
        owner = next(e.owner for e in story.store.find((grant.exam,)))
        actors = st.sampled_from([owner, owner, grant.grantor, grant.grantor, *USERS])
        named = {"exam": st.just(grant.exam), "recipient": st.just(grant.recipient)}
        one = {"actor": actors, "grant": st.just(grant.id), "reshares": reshares}
        return st.one_of(*endings(actor=actors, **named), st.builds(es.RevokeRequest, **one))

    return st.sampled_from(grants).flatmap(by_somebody)


def requests(story: Story):
    """Draw any request of a person; most of them are permitted."""
    kinds = {
        0: likely_shares(story),
        1: likely_endings(story),
        2: st.one_of(shares, unshares, narrows),
    }
    return st.sampled_from((0, 0, 0, 0, 1, 1, 1, 2)).flatmap(kinds.__getitem__)


def changes(story: Story):
    """Draw a change of the hospital, as a function that makes it."""
    flags = {"active": st.booleans(), "plan": st.booleans(), "notices": st.booleans()}

    def pass_time(by):
        story.now += timedelta(minutes=by)

    return st.one_of(
        st.builds(lambda by: lambda: pass_time(by), st.integers(1, 5)),
        st.builds(lambda user, **said: lambda: story.add_user(user, **said), users, **flags),
        st.builds(
            lambda group, members: lambda: story.add_group(group, members),
            groups,
            st.frozensets(principals, max_size=3),
        ),
        st.builds(lambda exam, user: lambda: story.transfer(exam, user), exams, users),
    )


def tell(data, story, each, *, steps=10, change=True):
    """Tell a story: `each` is called with every request, and performs it."""
    for _ in range(data.draw(st.integers(steps // 2, steps), label="steps")):
        if change and data.draw(rarely(st.just(True), False)):
            data.draw(changes(story), label="change")()
        each(data.draw(requests(story), label="request"))


def in_stories(*, policies=policies, hiding=True, steps=10, change=True, **drawn):
    """Let a test of a story and a request run with every request of random stories.

    A test that takes `data` can draw more; `drawn` is drawn once for each story.
    """

    def mark(test):
        takes_data = "data" in inspect.signature(test).parameters

        def of_story(story, data, **more):
            more |= {"data": data} if takes_data else {}
            tell(data, story, lambda asked: test(story, asked, **more), steps=steps, change=change)

        of_story.__name__ = of_story.__qualname__ = test.__name__
        of_story.__module__, of_story.__doc__ = test.__module__, test.__doc__
        told = given(story=stories(policies, hiding), data=st.data(), **drawn)
        return told(patient(of_story))

    return mark
