"""What users test with: their stores, their rules and their endpoints held against the rules.

Needs the extra `testing`.
"""

from exam_sharing.testing.machine import RulesBroken, Transfer, run_sharing_machine
from exam_sharing.testing.opening import OpenStore, StoreNotUsable, StorePorts

__all__ = [
    "OpenStore",
    "RulesBroken",
    "StoreNotUsable",
    "StorePorts",
    "Transfer",
    "run_sharing_machine",
]
