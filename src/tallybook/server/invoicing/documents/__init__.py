"""An invoice as a document that a company sends: PDF and HTML."""

from .content import content_of
from .letter import Letter, letter_of
from .render import to_html, to_pdf

__all__ = ["Letter", "content_of", "letter_of", "to_html", "to_pdf"]
