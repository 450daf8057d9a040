"""What happens on its own when a time is reached."""

from .runner import Worker

__all__ = ["Worker"]
