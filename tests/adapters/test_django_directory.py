"""The directory of a portal made with Django: its users, and its groups or teams."""

import re

import pytest
from django.test import override_settings

from django_databases import migrated
from django_portal.models import Overlooked, Profile, Team, User
from django_portal.sharing import OF_PROFILES, OF_TEAMS
from every_directory import ACTOR
from exam_sharing.adapters.django.opening import directory_over
from exam_sharing.adapters.django.transactions import DjangoTransactions
from exam_sharing.identifiers import UserId
from exam_sharing.memory.directory import MemoryDirectory
from exam_sharing.testing.laws import directory_laws
from portal_tables import Numbers, Renamed


class Teams:
    """The tables of a portal with profiles and teams, filled with a population."""

    def __init__(self):
        with override_settings(EXAM_SHARING={"USERS": OF_PROFILES, "GROUPS": OF_TEAMS}):
            self.directory = directory_over(DjangoTransactions("default"))
        self.kept = User, Profile, Overlooked, Team
        fields = Team.accounts, Team.inner, Team.hidden_from, Team.closed_to
        self.pairs = [field.through for field in fields]

    def fill(self, population, names):
        for model in (*self.pairs, *reversed(self.kept)):
            everything = model.objects.all()
            everything._raw_delete(everything.db)
        rows = {model: [] for model in (*self.kept, *self.pairs)}
        accounts, inner, _, _ = self.pairs
        for user in population.users:
            key = names.key(user.id)
            rows[User].append(User(id=key, username=str(key), is_active=user.active))
            kept = {"name": user.name, "email": user.email, "user_id": key}
            if user.id in population.without_plan:
                kept["plan"] = "basic"
            wants = user.id not in population.without_notices
            rows[Profile].append(Profile(**kept, wants_mail=wants))
        for group in population.groups:
            key = names.key(group.id)
            rows[Team].append(Team(id=key, title=group.name))
            for member in group.members:
                of = names.key(member)
                if isinstance(member, UserId):
                    rows[accounts].append(accounts(team_id=key, user_id=of))
                else:
                    rows[inner].append(inner(from_team_id=key, to_team_id=of))
        self.hide(rows, population, names)
        for model, made in rows.items():
            model.objects.bulk_create(made)

    def hide(self, rows, population, names):
        _, _, hidden_from, closed_to = self.pairs
        for actor in (ACTOR, *(user.id for user in population.users)):
            key = names.key(actor)
            for user in population.users:
                if not population.visible(actor, user.id):
                    hidden = Overlooked(actor_id=key, user_id=names.key(user.id))
                    rows[Overlooked].append(hidden)
            for group in population.groups:
                team = names.key(group.id)
                if not population.visible(actor, group.id):
                    rows[hidden_from].append(hidden_from(team_id=team, user_id=key))
                if not population.members_visible(actor, group.id):
                    rows[closed_to].append(closed_to(team_id=team, user_id=key))

    def opened(self, population):
        names = Numbers("number", population)
        self.fill(population, names)
        renamed = Renamed(self.directory, names)
        renamed.refill = lambda changed: self.fill(changed, names)
        return renamed


@pytest.fixture(scope="module")
def teams(sqlite):
    with migrated(sqlite.url):
        yield Teams()


def laws(open_directory):
    def change(directory, population):
        directory.refill(population)

    return {law.name: law for law in directory_laws(open_directory, change=change, examples=1)}


# Statements with thousands of parameters are tried with tables of SQLAlchemy.
SOME = [name for name in laws(MemoryDirectory) if "thousands" not in name]


@pytest.mark.parametrize("name", SOME)
def test_a_directory_of_models_keeps_the_law(name, teams):
    laws(teams.opened)[name].check()


def test_over_postgresql_a_directory_of_models_keeps_the_laws_of_ids_and_visibility(postgresql):
    with migrated(postgresql.url):
        checked = laws(Teams().opened)
        for name in checked:
            if re.search("profile|reaches|one-id|code-point|hidden-principals|closed", name):
                checked[name].check()
