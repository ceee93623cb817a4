"""A parser of command lines that repeats nothing of what was typed.

What was typed may be a message with patient data or a password, and what is printed may be kept in
a log. `argparse` quotes it in many of its sentences, so only those that cannot are passed on.
"""

import re
from argparse import ArgumentError, ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any, Final, NoReturn

from typing_extensions import override

__all__ = ["Parser", "perhaps"]

_QUOTES_NOTHING: Final = re.compile(
    r"expected (one argument|at (most|least) one argument|\d+ arguments?)"
    r"|not allowed with argument -[-\w/]+"
)
_CHOICES: Final = "(choose from "


def perhaps(typed: str, known: Iterable[str]) -> str:
    """Return a question for the known word that was probably meant, or nothing."""
    meant = get_close_matches(typed, list(known), n=1)
    return f"; did you mean {meant[0]}?" if meant else ""


class Parser(ArgumentParser):
    """Takes no abbreviation, since nobody confirms anything by half a word."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401  as its base takes them
        """Make it as its base is made."""
        super().__init__(**{**options, "allow_abbrev": False, "exit_on_error": False})
        self.set_defaults(parser=self)

    @override
    def parse_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: None = None
    ) -> Namespace:
        """Read a command line, or end the program by `SystemExit`."""
        read, unknown = self.parse_known_args(args, namespace)
        if unknown:
            parser: Parser = read.parser
            parser.error(parser._unknown(unknown))
        return read

    @override
    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: Namespace | None = None
    ) -> tuple[Namespace, list[str]]:
        try:
            return super().parse_known_args(args, namespace)
        except ArgumentError as error:
            self._refuse(error)

    def _refuse(self, error: ArgumentError) -> NoReturn:
        named = f"argument {error.argument_name}: " if error.argument_name else ""
        self.error(f"{named}{_without_what_was_typed(error)}")

    def _unknown(self, typed: Sequence[str]) -> str:
        options = [text.partition("=")[0] for text in typed if text.startswith("-")]
        if not options:
            return "there are more arguments than it takes"
        known = [name for name in self._option_string_actions if name.startswith("--")]
        return f"an option is unknown{perhaps(options[0], known)}"


def _without_what_was_typed(error: ArgumentError) -> str:
    said = str(error.message)
    if isinstance(error.__context__, ArgumentTypeError) or _QUOTES_NOTHING.fullmatch(said):
        # The first are sentences of our own, and tell no value.
        return said
    if _CHOICES in said:
        # What was typed comes before, so the last of these begins the choices.
        choices = said.rpartition(_CHOICES)[2].removesuffix(")").replace("'", "")
        return f"must be one of {choices}"
    return "cannot be what was typed"
