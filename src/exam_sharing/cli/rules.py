"""`exam-sharing rules`: every rule by which an act is refused."""

from argparse import Namespace
from typing import Final

from exam_sharing.cli.commands import Command, ExitCode
from exam_sharing.cli.documents import rules_document, written
from exam_sharing.cli.extras import need
from exam_sharing.policy.decisions import REMEDIES
from exam_sharing.policy.rules import RULES as TABLE
from exam_sharing.policy.share_rules import SHARE_RULES

__all__ = ["RULES"]

EPILOG: Final = """\
An act that is refused carries the codes of all the rules that are against it, and changes nothing.

examples:
  exam-sharing rules
  exam-sharing rules --json
"""


def _run(arguments: Namespace, version: str) -> ExitCode:
    rules = [
        {
            "act": "share" if rule in SHARE_RULES else "unshare",
            "code": rule.code.value,
            "statement": rule.statement,
            "remedy": REMEDIES[rule.code],
            "conceals": rule.conceals,
        }
        for rule in TABLE
    ]
    if arguments.json:
        print(written(rules_document(rules, version)))
        return ExitCode.DONE
    need(["rich"])
    from exam_sharing.cli.tour.printing import open_console, print_rules

    print_rules(rules, open_console())
    return ExitCode.DONE


RULES: Final = Command(
    name="rules",
    help="print every rule by which an act is refused",
    epilog=EPILOG,
    add_arguments=lambda _parser: None,
    run=_run,
)
