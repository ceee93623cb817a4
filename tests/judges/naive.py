"""The judge that is the naive model of the testing kit."""

from itertools import product

from exam_sharing import Permission
from exam_sharing.grants import OWNER
from exam_sharing.testing.model.acts import perform
from exam_sharing.testing.model.world import HOST, Account, Ending, Grant, Refused, World
from judges.trials import Facts


class NaiveWorld:
    """The facts in the model, with a number for each grant."""

    def __init__(self, facts: Facts):
        self.ids = {grant.id: place for place, grant in enumerate(facts.ever_granted(), 1)}
        grants = [self._grant(grant) for grant in facts.ever_granted()]
        self.world = World(
            now=facts.now,
            users={user: Account(active=active) for user, active in facts.users.items()},
            groups=dict(facts.groups),
            exams={exam.id: exam for exam in facts.exams},
            withdrawn=set(facts.withdrawn),
            versions=dict(facts.versions),
            grants={grant.id: grant for grant in grants},
            endings={self.ids[each.grant.id]: self._ending(each.ending) for each in facts.ended},
        )

    def _grant(self, grant):
        basis = grant.basis
        return Grant(
            id=self.ids[grant.id],
            exam=grant.exam,
            grantor=grant.grantor,
            recipient=grant.recipient,
            permission=grant.permission,
            until=grant.until,
            version=grant.version,
            basis="OWNER" if basis is OWNER else frozenset(self.ids[each] for each in basis),
        )

    def _ending(self, ending):
        return Ending(
            how=ending.how.value,
            by=ending.by or HOST,
            as_owner=ending.acting_as.name == "OWNER",
            version=ending.version,
            replaced_by=frozenset(self.ids[each] for each in ending.replaced_by),
        )

    def held(self):
        world = self.world
        asked = product(world.users, world.exams, Permission)
        return frozenset(each for each in asked if world.holds(each[0], each[2], each[1]))

    def left_by(self, act):
        """Return what the act leaves of each standing grant; the act is done in the model."""
        stood = [
            (grant_id, self.world.grants[number])
            for grant_id, number in self.ids.items()
            if number not in self.world.endings
            and self.world.grants[number].horizon > self.world.now
        ]
        done = perform(self.world, act)
        assert not isinstance(done, Refused), done
        return {
            grant_id: frozenset(
                (self.world.grants[each].permission, self.world.grants[each].horizon)
                for each in self._standing_for(grant.id)
            )
            for grant_id, grant in stood
        }

    def _standing_for(self, number):
        ending = self.world.endings.get(number)
        return (number,) if ending is None else ending.replaced_by
