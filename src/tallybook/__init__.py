"""Tallybook: self-hosted usage billing. What a program that uses the SDK imports."""

from .client import *  # noqa: F403
from .client import __all__ as __all__
