"""Decision cases as data: a portal, an act with its outcome, and questions with their answers.

Cases are plain data, so that programs in any language can run them:
`python -m exam_sharing.testing.cases > cases.json`. The reference documents every part. Nothing
here needs pytest or Hypothesis.
"""

from exam_sharing.testing.cases.portals import (
    ACTS,
    QUESTIONS,
    SharingPortal,
    in_memory,
    over_sharing,
    over_store,
)
from exam_sharing.testing.cases.running import CaseFailed, Difference, as_json, cases, check, run
from exam_sharing.testing.cases.schema import Answered, Case, Data, Given, OpenPortal, Portal

__all__ = ["ACTS", "QUESTIONS", "Answered", "Case", "CaseFailed", "Data", "Difference", "Given"]
__all__ += ["OpenPortal", "Portal", "SharingPortal", "as_json", "cases", "check", "in_memory"]
__all__ += ["over_sharing", "over_store", "run"]
