"""The laws of directories find small bugs; `broken.directories` has those of histories."""

import attrs
import pytest
from broken.directories import laws_of

from exam_sharing.identifiers import GroupId
from exam_sharing.memory import MemoryDirectory
from exam_sharing.policy.facts import People
from exam_sharing.testing.laws import LawBroken


class SeesUnknown(MemoryDirectory):
    def principals_of(self, user):
        return super().principals_of(user) | {user.key}


class LosesDepth(MemoryDirectory):
    def people_behind(self, principals):
        behind = super().people_behind(principals)
        return {each: () if each.value == "radiology" else of for each, of in behind.items()}


class ListsByKey(MemoryDirectory):
    def listed(self, actor, after, limit, leave_out):
        listed = super().listed(actor, after, limit, leave_out)
        return tuple(sorted(listed, key=lambda pair: pair[0].key))


class ShowsEverybody(MemoryDirectory):
    def __init__(self, *, visible, members_visible):
        super().__init__()


class CutsBeforeItLooks(MemoryDirectory):
    """The matches are cut to the limit before hidden ones are removed."""

    def seen_of(self, actor, found):
        return tuple(pair for pair in found if self.rule(actor, pair[0]))

    def __init__(self, *, visible, members_visible):
        super().__init__(members_visible=members_visible)
        self.rule = visible

    def seen_by(self, actor, principals):
        seen = super().seen_by(actor, principals)
        return frozenset(each for each in seen if self.rule(actor, each))


class CutsSuggestions(CutsBeforeItLooks):
    def suggest(self, actor, text, limit, leave_out, *, whole=False):
        return self.seen_of(actor, super().suggest(actor, text, limit, leave_out, whole=whole))

    def listed(self, actor, after, limit, leave_out):
        return self.seen_of(actor, super().listed(actor, after, 99, leave_out))[:limit]


class CutsTheList(CutsBeforeItLooks):
    def suggest(self, actor, text, limit, leave_out, *, whole=False):
        return self.seen_of(actor, super().suggest(actor, text, 99, leave_out, whole=whole))[:limit]

    def listed(self, actor, after, limit, leave_out):
        return self.seen_of(actor, super().listed(actor, after, limit, leave_out))


class LeavesOutTooLate(MemoryDirectory):
    """The matches are cut to the limit before left-out ones are removed."""

    def suggest(self, actor, text, limit, leave_out, *, whole=False):
        found = super().suggest(actor, text, limit, frozenset(), whole=whole)
        return tuple(pair for pair in found if pair[0] not in leave_out)


class LooksThroughGroups(MemoryDirectory):
    """The rule on members is applied to the named group, and not to groups in it."""

    def members_seen_by(self, actor, groups):
        rule, seen = self._members_visible, {}
        for asked in groups:
            self._members_visible = lambda who, group, asked=asked: (
                group != asked or rule(who, group)
            )
            seen |= super().members_seen_by(actor, (asked,))
        self._members_visible = rule
        return seen


class ForgetsItsMembersAlone(MemoryDirectory):
    """A change of a group clears the cache of its direct members alone."""

    def _put(self, known, at):
        kept = dict(self.kept_principals)
        direct = set(getattr(known, "members", ()))
        before = self.group(known.id) if hasattr(known, "members") else None
        direct |= before.members if before else set()
        super()._put(known, at)
        if hasattr(known, "members"):
            keys = {each.key for each in direct}
            self.kept_principals.update({u: held for u, held in kept.items() if u not in keys})


class StaysInGroupsThatAreGone(MemoryDirectory):
    """The removal of a group does not clear the cache of its users."""

    def _forget(self, principal, at):
        kept = dict(self.kept_principals)
        forgotten = super()._forget(principal, at)
        if isinstance(principal, GroupId):
            self.kept_principals.update(kept)
        return forgotten


class Remembers(MemoryDirectory):
    def __init__(self, **settings):
        super().__init__(**settings)
        self.kept = {}


class RemembersSettings(Remembers):
    """A profile is cached until the groups or the name of its user change."""

    def profiles(self, users):
        profiles = super().profiles(users)
        for user, profile in profiles.items():
            mark = profile.active, profile.principals, profile.address
            kept = self.kept.get(user)
            if kept is None or kept[0] != mark:
                self.kept[user] = mark, profile
        return {user: self.kept[user][1] for user in profiles}


class RemembersWhomItSaw(Remembers):
    """Whom an actor sees is cached for ever."""

    def seen_by(self, actor, principals):
        asked = tuple(principals)
        for each in asked:
            if (actor, each) not in self.kept:
                self.kept[actor, each] = each in super().seen_by(actor, (each,))
        return frozenset(each for each in asked if self.kept[actor, each])


class RemembersNames(Remembers):
    """Names are cached for ever."""

    def names(self, principals):
        names = super().names(principals)
        return {each: self.kept.setdefault(each, name) for each, name in names.items()}


class RemembersPaths(Remembers):
    """Paths are cached for ever."""

    def path(self, user, principal):
        path = self.kept.get((user, principal)) or super().path(user, principal)
        return self.kept.setdefault((user, principal), path) or path


class AnswersForTheHidden(MemoryDirectory):
    """At once, it also answers who is behind principals that the actor does not see."""

    def people_seen(self, actor, principals):
        seen = self.seen_by(actor, principals)
        groups = [each for each in seen if isinstance(each, GroupId)]
        people = People(
            seen=seen,
            behind=self.people_behind(principals),
            members_seen=self.members_seen_by(actor, groups),
        )
        return people, self.names(seen)


class KeepsFormerNames(MemoryDirectory):
    """Names are replaced in the last change alone, as in a table of today's names."""

    def changes(self, spans, user, wanted):
        last, *others = super().changes(spans, user, wanted)
        return last, *(attrs.evolve(each, what=self.as_before(each.what)) for each in others)

    def as_before(self, change):
        return attrs.evolve(change, name="Ann") if hasattr(change, "name") else change


PAST = "every-answer-of-the-past-is-given-again"
UNSEEN = "hidden-principals-do-not-shorten-an-answer"
CHANGE = "every-answer-sees-every-change"

BUGS = [
    (SeesUnknown, "principals-include-nested-groups"),
    (LosesDepth, "a-group-reaches-its-active-users"),
    (ListsByKey, "the-list-is-sorted-at-every-page-size"),
    (ShowsEverybody, "hidden-principals-are-in-no-answer"),
    (AnswersForTheHidden, "hidden-principals-are-in-no-answer"),
    (CutsSuggestions, UNSEEN),
    (CutsTheList, UNSEEN),
    (LeavesOutTooLate, "left-out-principals-do-not-shorten-an-answer"),
    (LooksThroughGroups, "a-closed-group-hides-its-members"),
    (ForgetsItsMembersAlone, CHANGE),
    (StaysInGroupsThatAreGone, CHANGE),
    (RemembersSettings, CHANGE),
    (RemembersWhomItSaw, CHANGE),
    (RemembersNames, CHANGE),
    (RemembersPaths, CHANGE),
    (KeepsFormerNames, PAST),
]


@pytest.mark.parametrize(("directory", "name"), BUGS)
def test_a_directory_with_the_bug_breaks_the_law(directory, name):
    (law,) = (law for law in laws_of(directory) if law.name == name)
    with pytest.raises(LawBroken) as raised:
        law.check()
    assert not raised.value.problem.startswith("raised")


class KeepsTeams(MemoryDirectory):
    """The directory of a portal whose groups hold users alone."""

    def add(self, principal, /, **settings):
        members = getattr(principal, "members", ())
        assert not any(isinstance(member, GroupId) for member in members)
        super().add(principal, **settings)


OF_NESTING = {LosesDepth, ForgetsItsMembersAlone}
FLAT = {law.name: law for law in laws_of(KeepsTeams, nested=False)}


@pytest.mark.parametrize("name", FLAT)
def test_a_directory_without_nested_groups_keeps_the_laws_of_flat_ones(name):
    FLAT[name].check()


@pytest.mark.parametrize(
    ("directory", "name"),
    [(bug, name) for bug, name in BUGS if bug not in OF_NESTING and name in FLAT],
)
def test_a_flat_directory_with_the_bug_breaks_the_law(directory, name):
    (law,) = (law for law in laws_of(directory, nested=False) if law.name == name)
    with pytest.raises(LawBroken) as raised:
        law.check()
    assert not raised.value.problem.startswith("raised")
