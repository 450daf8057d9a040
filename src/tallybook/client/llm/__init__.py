"""Model calls, metered where they are made: whose they are, and what they use."""

from .context import attribute, bind
from .wrap import wrap

__all__ = ["attribute", "bind", "wrap"]
