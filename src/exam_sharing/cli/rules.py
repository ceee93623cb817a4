"""`exam-sharing rules`: every rule by which an act is refused."""

from argparse import Namespace
from typing import Final

from exam_sharing.cli.commands import Command, ExitCode, need
from exam_sharing.cli.printing import column, indented, open_console, table, text
from exam_sharing.cli.replies import document
from exam_sharing.policy.decisions import REMEDIES
from exam_sharing.policy.rules import RULES as TABLE
from exam_sharing.policy.share_rules import SHARE_RULES

_TITLES: Final = {
    "share": "Sharing is refused when",
    "unshare": "Unsharing and narrowing are refused when",
}


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
        print(document(version, rules=rules))
        return ExitCode.DONE
    need(["rich"])
    console = open_console()
    for act, title in _TITLES.items():
        columns = (column("code", no_wrap=True, style="bold"), "the rule", "what to do")
        rows = [
            [str(rule[key]) for key in ("code", "statement", "remedy")]
            for rule in rules
            if rule["act"] == act
        ]
        for part in (text(title, style="bold cyan"), "", indented(table(*columns, rows=rows)), ""):
            console.print(part)
    return ExitCode.DONE


RULES: Final = Command(
    name="rules",
    help="print every rule by which an act is refused",
    epilog="""\
A refused act reports the codes of all rules that forbid it, and changes nothing.

examples:
  exam-sharing rules
  exam-sharing rules --json
""",
    arguments=(),
    run=_run,
)
