"""How the machine tells what is wrong: as a story."""

__all__ = ["RulesBroken"]


class RulesBroken(AssertionError):
    """What is tested does not do what the rules say; the error is the story that shows it.

    Args:
        story: what happened, a line each.
        question: what was asked then.
        expected: what the rules say, in words.
        came: what was answered, in words.
    """

    def __init__(self, story: tuple[str, ...], question: str, expected: str, came: str) -> None:
        """Keep the story and how it ends."""
        super().__init__(story, question, expected, came)
        self.story = story
        self.question = question
        self.expected = expected
        self.came = came

    def __str__(self) -> str:
        """Tell the story."""
        lines = [*self.story, "", self.question]
        lines += [f"  expected: {self.expected}", f"  came:     {self.came}"]
        return "\n".join(["the rules of sharing are broken", "", *lines])
