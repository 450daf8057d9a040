"""The door of invoicing: one function a use case, a file per kind of change."""

from .creating import create_generated, create_manual
from .crediting import (
    add_credit_note,
    creditable,
    get_credit_note,
    list_credit_notes,
    void_credit_note,
    work_out_credit,
)
from .editing import add_line_item, replace_lines, update
from .issuing import (
    fall_due,
    finalize,
    mark_past_due,
    mark_uncollectible,
    remind,
    send,
    void,
)
from .parties import parties_of
from .paying import apply_payment, reverse_payment
from .reading import (
    billed_before,
    billed_for_period,
    billed_versions,
    find_generated,
    get,
    get_line,
    has_unpaid,
    keep_generated,
    list_page,
    list_payable,
)
from .saving import hold

__all__ = [
    "add_credit_note",
    "add_line_item",
    "apply_payment",
    "billed_before",
    "billed_for_period",
    "billed_versions",
    "create_generated",
    "create_manual",
    "creditable",
    "fall_due",
    "finalize",
    "find_generated",
    "get",
    "get_credit_note",
    "get_line",
    "has_unpaid",
    "hold",
    "keep_generated",
    "list_credit_notes",
    "list_page",
    "list_payable",
    "mark_past_due",
    "mark_uncollectible",
    "parties_of",
    "remind",
    "replace_lines",
    "reverse_payment",
    "send",
    "update",
    "void",
    "void_credit_note",
    "work_out_credit",
]
