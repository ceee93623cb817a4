"""Decision cases as data: given a portal, when somebody acts, then this comes of it.

Cases are strings, numbers, truths, lists and mappings of those, so that programs in any language
can run them: `python -m exam_sharing.testing.cases > cases.json`. What each part means is told in
the reference. Nothing here needs pytest or Hypothesis.
"""

from exam_sharing.testing.cases.portals import SharingPortal, in_memory, over_sharing, over_store
from exam_sharing.testing.cases.running import CaseFailed, Difference, check, run
from exam_sharing.testing.cases.schema import Answered, Case, Data, Given, OpenPortal, Portal
from exam_sharing.testing.cases.table import as_json, cases

__all__ = [
    "Answered",
    "Case",
    "CaseFailed",
    "Data",
    "Difference",
    "Given",
    "OpenPortal",
    "Portal",
    "SharingPortal",
    "as_json",
    "cases",
    "check",
    "in_memory",
    "over_sharing",
    "over_store",
    "run",
]
