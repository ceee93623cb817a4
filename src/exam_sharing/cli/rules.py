"""`exam-sharing rules`: every rule by which an act is refused."""

from argparse import ArgumentParser, Namespace
from typing import Final

from exam_sharing.cli.documents import rules_document, written
from exam_sharing.cli.extras import need
from exam_sharing.policy.decisions import REMEDIES
from exam_sharing.policy.rules import RULES
from exam_sharing.policy.share_rules import SHARE_RULES

__all__ = ["HELP", "NAME", "add_arguments", "run"]

NAME: Final = "rules"
HELP: Final = "print every rule by which an act is refused"
EPILOG: Final = """\
An act that is refused carries the codes of all the rules that are against it, and changes nothing.

examples:
  exam-sharing rules
  exam-sharing rules --json
"""


def add_arguments(parser: ArgumentParser) -> None:
    """Say what the command takes."""
    parser.epilog = EPILOG
    parser.add_argument("--json", action="store_true", help="write one JSON document instead")


def run(arguments: Namespace, version: str) -> int:
    """Print the rules.

    Raises:
        MissingExtra: they are to be printed for people, and rich is not installed.
    """
    rules = [
        {
            "act": "share" if rule in SHARE_RULES else "unshare",
            "code": rule.code.value,
            "statement": rule.statement,
            "remedy": REMEDIES[rule.code],
            "conceals": rule.conceals,
        }
        for rule in RULES
    ]
    if arguments.json:
        print(written(rules_document(rules, version)))
        return 0
    need(["rich"])
    from exam_sharing.cli.printing import open_console, print_rules

    print_rules(rules, open_console())
    return 0
