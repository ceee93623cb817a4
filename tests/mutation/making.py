"""The mutants, as mutmut makes them: every one in one file, and which of them runs is said later.

mutmut leaves a decorated function alone, and much of the policy is properties. What a decorator
does can be said below the function instead, and to Python that is the same.
"""

import difflib

import attrs
import libcst
from libcst import matchers
from mutmut.mutation.file_mutation import mutate_file_contents

PROPERTIES = matchers.Name("property") | matchers.Name("cached_property")
IN_CLASS = "\N{LATIN LETTER LATERAL CLICK}"


@attrs.frozen(kw_only=True)
class Mutant:
    """A change to one function, known by its file, its function and what it changes.

    So a list of mutants outlives the names that mutmut gives them. Two that look alike are two.
    """

    file: str
    function: str
    removed: str
    added: str
    name: str = attrs.field(default="", eq=False)
    """As mutmut calls it."""

    @property
    def reached_as(self):
        """How mutmut calls the function."""
        return self.name.rpartition("__mutmut_")[0]

    def __str__(self):
        """Return it as an entry of `equivalent.toml`."""
        where = f'file = "{self.file}"\nfunction = "{self.function}"'
        change = f"removed = '''{self.removed}'''\nadded = '''{self.added}'''"
        return f"[[mutant]]\n{where}\n{change}\n"


def with_mutants(file, module, code):
    """Return the code of a file with every mutant in it, and the mutants."""
    mutated = mutate_file_contents(file, spelled_out(code))
    lines, spans = mutated.code.splitlines(), mutated.line_span_by_function_name

    def text(function):
        span = spans[function]
        return "\n".join(lines[span.start - 1 : span.end]).replace(function, "").splitlines()

    mutants = []
    for name in mutated.mutant_names:
        mangled = name.rpartition("__mutmut_")[0]
        changes = list(difflib.ndiff(text(f"{mangled}__mutmut_orig"), text(name)))
        mutants.append(
            Mutant(
                file=file,
                function=_as_written(mangled),
                removed=_side("- ", changes),
                added=_side("+ ", changes),
                name=f"{module}.{name}",
            )
        )
    return mutated.code, mutants


def spelled_out(code):
    """Return the code with `name = property(name)` below a function instead of above it."""
    return libcst.parse_module(code).visit(_SpellOut()).code


class _SpellOut(libcst.CSTTransformer):
    def leave_FunctionDef(self, original_node, updated_node):  # noqa: N802  libcst's own name
        match updated_node.decorators:
            case [libcst.Decorator(decorator=name)] if matchers.matches(name, PROPERTIES):
                function = updated_node.name.value
                call = libcst.parse_statement(f"{function} = {name.value}({function})")
                return libcst.FlattenSentinel([updated_node.with_changes(decorators=()), call])
        return updated_node


def _as_written(mangled):
    if IN_CLASS in mangled:
        return ".".join(mangled.split(IN_CLASS)[1:])
    return mangled.removeprefix("x_")


def _side(sign, changes):
    lines = [line.removeprefix(sign).strip() for line in changes if line.startswith(sign)]
    return "\n".join(line for line in lines if line)
