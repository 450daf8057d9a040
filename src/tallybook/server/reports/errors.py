"""How reports say no."""

from tallybook.server.kernel.errors import NotFound


class JobNotFound(NotFound):
    """There is no such job."""

    code = "job_not_found"
