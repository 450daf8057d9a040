"""The results of access."""

from tallybook.client.responses import Result
from tallybook.wire import access as wire


class AccessDecision(Result, wire.AccessDecision):
    """Whether a quantity may be used, and why. It is true where it is allowed: `if decision: …`."""
