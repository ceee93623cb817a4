"""Directories in memory whose history has one bug each."""

import attrs
from populations import what_differs_changed

from exam_sharing.identifiers import UserId
from exam_sharing.memory import MemoryDirectory
from exam_sharing.testing.edges import LAST, TICK
from exam_sharing.testing.laws import directory_laws


def of_today(moment):
    return attrs.evolve(moment, at=LAST, change=None)


class RemembersTodayAlone(MemoryDirectory):
    """The past is answered of by the memberships of today."""

    def members_then(self, principals, moment):
        return super().members_then(principals, of_today(moment))


class RemembersGroupsOfToday(MemoryDirectory):
    """A user was always in the groups of today."""

    def groups_then(self, user, moment):
        return super().groups_then(user, of_today(moment))


class ForgetsWhoLeft(MemoryDirectory):
    """Who has left a group was never in it."""

    def members_then(self, principals, moment):
        then = super().members_then(principals, moment)
        today = super().members_then(principals, of_today(moment)).memberships
        stayed = tuple(each for each in then.memberships if each in today)
        return attrs.evolve(then, memberships=stayed)


class ForgetsWhoWasInactive(MemoryDirectory):
    """Whoever is active today counts as active at any time."""

    def members_then(self, principals, moment):
        then = super().members_then(principals, moment)
        reached = {each for _, each in then.memberships}.union(principals)
        users = {each for each in reached if self.user_is_active(each)}
        return attrs.evolve(then, active=frozenset(users))

    def user_is_active(self, principal):
        known = self.user(principal) if isinstance(principal, UserId) else None
        return known is not None and known.active


class RemembersTooLate(MemoryDirectory):
    """A change made exactly at a time is not yet there at that time."""

    def members_then(self, principals, moment):
        earlier = moment.at - TICK if moment.change is None else moment.at
        return super().members_then(principals, attrs.evolve(moment, at=earlier))


class LosesTheLastChange(MemoryDirectory):
    """A change is not yet there when its own number is asked for."""

    def members_then(self, principals, moment):
        before = moment.change and moment.change - 1
        return super().members_then(principals, attrs.evolve(moment, change=before))


BROKEN_DIRECTORIES = [
    each for each in MemoryDirectory.__subclasses__() if each.__module__ == __name__
]


def laws_of(directory, **about):
    """Return the laws of a directory that is told what has changed."""

    def open_directory(population):
        opened = directory(visible=population.visible, members_visible=population.members_visible)
        population.fill(opened)
        return opened

    return directory_laws(open_directory, change=what_differs_changed, **about)
