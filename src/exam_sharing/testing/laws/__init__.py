"""The laws of every port, as data: a name, a promise in words, and a check.

>>> from exam_sharing.memory import MemoryStore
>>> from exam_sharing.testing.laws import store_laws
>>> law = store_laws(MemoryStore)[0]
>>> law.name
'exams-are-read-back-unchanged'
>>> law.check()

"""

from exam_sharing.testing.laws.directory import directory_laws
from exam_sharing.testing.laws.host_rules import host_rule_laws
from exam_sharing.testing.laws.law import Law, LawBroken
from exam_sharing.testing.laws.notifier import notifier_laws
from exam_sharing.testing.laws.population import Population
from exam_sharing.testing.laws.stores import store_laws

__all__ = [
    "Law",
    "LawBroken",
    "Population",
    "directory_laws",
    "host_rule_laws",
    "notifier_laws",
    "store_laws",
]
