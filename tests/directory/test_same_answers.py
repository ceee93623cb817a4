"""Whatever was added and removed, a directory in a database answers as the one in memory does."""

from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exam_sharing.adapters.sqlalchemy import directory
from exam_sharing.errors import CallerError, InputError
from exam_sharing.identifiers import GroupId, UserId
from exam_sharing.memory.directory import MemoryDirectory
from exam_sharing.principals import Group, User

ACTOR = UserId("1")

# Few ids, so that they meet; letters at the ends of what can be stored; words, long ones too.
IDS = st.sampled_from(["1", "2", "3", "4", "ä", "Z", "\U0010ffff"])
USER_IDS = st.builds(UserId, IDS)
GROUP_IDS = st.builds(GroupId, IDS)
PRINCIPAL_IDS = USER_IDS | GROUP_IDS
LETTERS = st.sampled_from("aAáb \u0301-'.@%_\\ßłﷺ\ud7ff\ue000\uffff\U0001f600\U0010ffff")
TEXTS = st.text(LETTERS, max_size=9) | st.builds(
    lambda text, times, end: (text * times)[:490] + end,
    st.text(LETTERS, min_size=1, max_size=4),
    st.integers(20, 130),
    st.text(LETTERS, max_size=2),
)
ADDRESSES = st.builds("{}@b.l".format, st.text("aAáblŁ.", min_size=1, max_size=7))
USERS = st.builds(
    User,
    id=USER_IDS,
    name=TEXTS,
    email=st.none() | ADDRESSES,
    active=st.sampled_from([True, True, True, False]),
)
GROUPS = st.builds(
    Group, id=GROUP_IDS, name=TEXTS, members=st.frozensets(PRINCIPAL_IDS, max_size=3)
)
SETTINGS = st.fixed_dictionaries({"sharing_in_plan": st.booleans(), "notices": st.booleans()})
STEPS = st.lists(st.tuples(USERS, SETTINGS) | GROUPS | PRINCIPAL_IDS, max_size=20)
SOME = st.frozensets(PRINCIPAL_IDS, max_size=4)
HOSTILE = st.text(st.sampled_from("aá\x00\ud800\udfff\ue000\U0010ffff "), max_size=3)
CURSORS = st.none() | st.tuples(TEXTS | HOSTILE, st.sampled_from(["", "u:2", "g:ä", "u:\x00"]))

EVERY_USER = [UserId(each) for each in ("1", "2", "3", "4", "ä", "Z", "\U0010ffff", "nobody")]
EVERY_GROUP = [GroupId(each.value) for each in EVERY_USER]
EVERYBODY = EVERY_USER + EVERY_GROUP


def answer(question, *args, **kwargs):
    try:
        return question(*args, **kwargs)
    except (CallerError, InputError) as error:
        return type(error), str(error)


def take(directory, step):
    match step:
        case User() as user, said:
            return answer(directory.add, user, **said)
        case Group():
            return answer(directory.add, step)
        case _:
            return answer(directory.remove, step)


def typed_texts(texts, steps):
    """Return these texts, and beginnings of words that were added."""
    names = [
        each[0].name if isinstance(each, tuple) else getattr(each, "name", "") for each in steps
    ]
    words = [name[i:] for name in names for i in (0, len(name) // 2)]
    return {*texts, *(word[:length] for word in words[-6:] for length in (1, 4, 5, 100, 101, 490))}


def require_same_answers(new_directory, data):
    hidden, closed, leave_out = (data.draw(SOME, label) for label in ("hidden", "closed", "out"))
    rules = {
        "visible": lambda actor, principal: principal not in hidden,
        "members_visible": lambda actor, group: group not in closed,
    }
    steps = data.draw(STEPS, "steps")
    cursor = data.draw(CURSORS, "after")
    limit = data.draw(st.integers(0, 20), "limit")
    texts = typed_texts(data.draw(st.lists(TEXTS | ADDRESSES | HOSTILE, max_size=4)), steps)
    spare, largest = data.draw(st.sampled_from([(10, 1000), (0, 1), (0, 2), (1, 3)]), "batches")
    memory, other = MemoryDirectory(**rules), new_directory(**rules)
    for step in steps:
        assert take(other, step) == take(memory, step)
    for ask in (
        lambda it: [it.principals_of(each) for each in EVERY_USER],
        lambda it: [it.user(each) for each in EVERY_USER],
        lambda it: [it.group(each) for each in EVERY_GROUP],
        lambda it: it.known(),
        lambda it: [it.known(after, limit) for after in (None, *EVERYBODY)],
        lambda it: it.profiles(EVERY_USER),
        lambda it: it.people_behind(EVERYBODY),
        lambda it: it.seen_by(ACTOR, EVERYBODY),
        lambda it: it.members_seen_by(ACTOR, EVERY_GROUP),
        lambda it: it.names(EVERYBODY),
        lambda it: [it.path(user, each) for user in EVERY_USER for each in EVERYBODY],
    ):
        assert ask(other) == ask(memory)
    with (
        mock.patch.object(directory, "_SPARE", spare),
        mock.patch.object(directory, "_LARGEST_BATCH", largest),
    ):
        for text in texts:
            suggested = other.suggest(ACTOR, text, limit, leave_out)
            assert suggested == memory.suggest(ACTOR, text, limit, leave_out)
        listed = other.listed(ACTOR, cursor, limit, leave_out)
        assert listed == memory.listed(ACTOR, cursor, limit, leave_out)


@pytest.mark.parametrize("new_directory", ["sqlite"], indirect=True)
@given(data=st.data())
def test_sqlite_answers_as_memory_does(new_directory, data):
    require_same_answers(new_directory, data)


@pytest.mark.parametrize("new_directory", ["postgresql"], indirect=True)
@settings(max_examples=20)
@given(data=st.data())
def test_postgresql_answers_as_memory_does(new_directory, data):
    require_same_answers(new_directory, data)
