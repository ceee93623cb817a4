"""Every rule of sharing and of ending grants, in one table: the docs are drawn from it."""

from typing import Any, Final

from exam_sharing.policy.decisions import Rule
from exam_sharing.policy.ending_rules import ENDING_RULES
from exam_sharing.policy.share_rules import SHARE_RULES

__all__ = ["RULES"]

RULES: Final[tuple[Rule[Any], ...]] = (*SHARE_RULES, *ENDING_RULES)
