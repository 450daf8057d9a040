"""Invoices and credit notes as documents that a company sends: PDF and HTML."""

from .content import content_of
from .credit import credit_content_of
from .letter import Letter, letter_of
from .render import to_html, to_pdf

__all__ = ["Letter", "content_of", "credit_content_of", "letter_of", "to_html", "to_pdf"]
