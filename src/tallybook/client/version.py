"""The version that the SDK tells the server."""

from typing import Final

VERSION: Final = "0.1.0"
