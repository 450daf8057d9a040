"""How identity says no."""

from tallybook.server.kernel.errors import Conflict, Forbidden, InvalidInput, NotFound, Unauthorized


class InvalidApiKey(Unauthorized):
    """The API key is missing or not valid. Send it as `Authorization: Bearer tb_…`."""

    code = "invalid_api_key"


class ApiKeyRevoked(Unauthorized):
    """This API key was revoked. Create another with `tallybook keys create`."""

    code = "api_key_revoked"


class ProjectMismatch(Forbidden):
    """The API key belongs to another project than the one named."""

    code = "project_mismatch"


class ScopeMissing(Forbidden):
    """This API key has the scope {scope}; the call needs {needed}."""

    code = "scope_missing"


class SessionRequired(Forbidden):
    """API keys cannot do this: use the dashboard or the command line on the server."""

    code = "session_required"


class TestKeyRequired(Forbidden):
    """Only a test key can set the test space's clock."""

    code = "test_key_required"


class ProjectNotFound(NotFound):
    """There is no such project."""

    code = "project_not_found"


class ApiKeyNotFound(NotFound):
    """There is no such API key."""

    code = "api_key_not_found"


class UnknownTimezone(InvalidInput):
    """{timezone} is not a time zone of the IANA database."""

    code = "unknown_timezone"
    field = "/timezone"


class ClockGoesForward(Conflict):
    """A test clock only goes forward: it stands at {clock_at}."""

    code = "test_clock_not_forward"
