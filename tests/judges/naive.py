"""The judge that is the naive model of the testing kit."""

from exam_sharing import Permission
from exam_sharing.grants import OWNER
from exam_sharing.testing import model
from judges.trials import Facts


class NaiveWorld:
    """The facts in the model, with a number for each grant."""

    def __init__(self, facts: Facts):
        self.ids = {grant.id: place for place, grant in enumerate(facts.ever_granted(), 1)}
        self.world = model.World(now=facts.now)
        for user, active in facts.users.items():
            self.world.add_user(user, model.Account(active=active))
        for group, members in facts.groups.items():
            self.world.add_group(group, members)
        self.world.add_exams(*facts.exams)
        for exam in facts.withdrawn:
            self.world.withdraw(exam)
        self.world.versions.update(facts.versions)
        for grant in facts.ever_granted():
            self.world.make(self._grant(grant))
        for past in facts.ended:
            self.world.end(self._grant(past.grant), self._ending(past.ending))

    def _grant(self, grant):
        basis = grant.basis
        return model.Grant(
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
        return model.Ending(
            how=ending.how.value,
            by=ending.by or model.HOST,
            as_owner=ending.acting_as.name == "OWNER",
            version=ending.version,
            replaced_by=frozenset(self.ids[each] for each in ending.replaced_by),
        )

    def held(self):
        return frozenset(
            (user, exam, permission)
            for user in self.world.users
            for exam in self.world.exams
            for permission in Permission
            if model.holds(self.world, user, permission, exam)
        )

    def left_by(self, act):
        """Return what the act leaves of each standing grant; the act is done in the model."""
        stood = [
            (grant_id, self.world.grants[number])
            for grant_id, number in self.ids.items()
            if number not in self.world.endings
            and self.world.grants[number].horizon > self.world.now
        ]
        done = model.perform(self.world, act)
        assert not isinstance(done, model.Refused), done
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
