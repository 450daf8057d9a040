"""How a command says no: one line, and what to do next."""


class Failure(Exception):
    """The command did not do its work. The message is one line."""

    exit_code = 1


class WrongUsage(Failure):
    """The command was called wrongly, or its settings cannot work."""

    exit_code = 2
