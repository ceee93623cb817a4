"""After any changes, every directory of ours gives the answers of a naive one."""

from contextlib import nullcontext
from unittest import mock

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exam_sharing.adapters.sqlalchemy import name_search
from exam_sharing.errors import AlreadyExists, InvalidArgument, MembershipCycle
from exam_sharing.identifiers import GroupId, UserId
from exam_sharing.memory import directory as memory_directory
from exam_sharing.principals import Group, User
from exam_sharing.testing.laws.population import Population, require_described

ACTOR = UserId("1")
IDS = ("1", "2", "ä", "\U0010ffff", "5")
USERS = tuple(map(UserId, IDS))
GROUPS = tuple(map(GroupId, IDS))
# One id of each kind stays unknown.
PRINCIPAL_IDS = st.sampled_from((*USERS[:4], *GROUPS[:4]))
# Letters that fold alike, words, and the ends of what a database can store; long names too.
LETTERS = st.sampled_from("aAáÁåbBiİılŁß'’\u0301 -%_\\ﷺ\ud7ff\ue000\uffff\U0001f600\U0010ffff")
NAMES = st.text(LETTERS, max_size=6) | st.builds(
    lambda text, times, end: (text * times)[:490] + end,
    st.text(LETTERS, min_size=1, max_size=4),
    st.integers(20, 130),
    st.text(LETTERS, max_size=2),
)
STEPS = st.lists(
    st.builds(
        User,
        id=st.sampled_from(USERS[:4]),
        name=NAMES,
        email=st.none() | st.builds("{}@b.l".format, st.text("aAáblŁ.", min_size=1, max_size=3)),
        active=st.sampled_from([True, True, True, False]),
    )
    | st.builds(
        Group,
        id=st.sampled_from(GROUPS[:4]),
        name=NAMES,
        members=st.frozensets(PRINCIPAL_IDS, max_size=3),
    )
    | PRINCIPAL_IDS
    | NAMES,
    max_size=25,
)
SOME = st.frozensets(PRINCIPAL_IDS, max_size=4)


def holds_itself(group, there):
    reached = set(group.members)
    while new := {m for g in reached for m in getattr(there.get(g), "members", ())} - reached:
        reached |= new
    return group.id in reached


class History:
    """A directory, and the same users and groups in a dict."""

    def __init__(self, new_directory, hidden, closed):
        self.there, self.removed = {}, set()
        self.rules = Population(
            visible=lambda _actor, principal: principal not in hidden,
            members_visible=lambda _actor, group: group not in closed,
        )
        self.directory = new_directory(
            visible=self.rules.visible, members_visible=self.rules.members_visible
        )

    def change(self, step):
        error, there = None, dict(self.there)
        if isinstance(step, (UserId, GroupId)):
            error = None if there.pop(step, None) else InvalidArgument
        else:
            there[step.id] = step
            if step.id in self.removed:
                error = AlreadyExists
            elif isinstance(step, Group) and holds_itself(step, there):
                error = MembershipCycle
        with nullcontext() if error is None else pytest.raises(error):
            (self.directory.remove if step in PRINCIPALS else self.directory.add)(step)
        if error is None:
            self.removed |= self.there.keys() - there.keys()
            self.there = there

    def population(self):
        kinds = {User: [], Group: []}
        for each in self.there.values():
            kinds[type(each)].append(each)
        return attrs.evolve(self.rules, users=tuple(kinds[User]), groups=tuple(kinds[Group]))


PRINCIPALS = {*USERS, *GROUPS}


@given(
    steps=STEPS,
    texts=st.lists(NAMES, max_size=3),
    hidden=SOME,
    closed=SOME,
    leave_out=SOME,
    limit=st.integers(1, 5),
    sizes=st.sampled_from([(100, 10, 1000), (0, 0, 1), (3, 0, 2), (0, 1, 3)]),
)
def test_after_any_changes_every_answer_is_that_of_a_naive_directory(
    new_directory, steps, texts, hidden, closed, leave_out, limit, sizes
):
    history = History(new_directory, hidden, closed)
    directory = history.directory
    with (
        mock.patch.object(memory_directory, "_FEW", sizes[0]),
        mock.patch.object(name_search, "_SPARE", sizes[1]),
        mock.patch.object(name_search, "_LARGEST_BATCH", sizes[2]),
    ):
        for step in steps:
            if isinstance(step, str):
                # Fills what a directory remembers.
                directory.suggest(ACTOR, step, limit, leave_out)
                directory.people_behind(GROUPS)
                for user in USERS:
                    directory.principals_of(user)
            else:
                history.change(step)
        population = history.population()
        require_described(directory, population, USERS, GROUPS, ("a", *texts))
        known = sorted(history.there.values(), key=lambda each: each.id.key)
        assert [getattr(each, "user", each) for each in directory.known()] == known
        for text in texts:
            found = [each for each in population.suggested(ACTOR, text) if each[0] not in leave_out]
            assert list(directory.suggest(ACTOR, text, limit, leave_out)) == found[:limit]
        listed, after = [], None
        while page := directory.listed(ACTOR, after, limit, leave_out):
            assert len(page) <= limit
            listed += page
            after = page[-1][1], page[-1][0].key
    assert listed == [each[:2] for each in population.choices(ACTOR, leave_out)]
