"""Bounds on what crosses the network. Every number from outside passes one of them."""

from typing import Final

INTEGER_DIGITS_MAX: Final = 18  # of a quantity, a price, an amount
FRACTION_DIGITS_MAX: Final = 12
BODY_BYTES_MAX: Final = 1 << 20
BATCH_EVENTS_MAX: Final = 1_000
EVENT_BYTES_MAX: Final = 64 << 10
IDEMPOTENCY_KEY_CHARS_MAX: Final = 255
EXTERNAL_ID_CHARS_MAX: Final = 255
NAME_CHARS_MAX: Final = 255
TEXT_CHARS_MAX: Final = 10_000
METADATA_BYTES_MAX: Final = 16 << 10
JSON_DEPTH_MAX: Final = 32
PAGE_SIZE_MAX: Final = 100
PAGE_SIZE_DEFAULT: Final = 25
PAGE_ROWS_MAX: Final = 10_000  # page mode; cursors have no end
TIERS_MAX: Final = 100
LINES_MAX: Final = 1_000
METER_OVERRIDES_MAX: Final = 500  # of a contract
PAYMENT_TERMS_DAYS_MAX: Final = 3_650
HOLD_SECONDS_MAX: Final = 7 * 24 * 3600
YEAR_MIN: Final = 1970
YEAR_MAX: Final = 2999
LOGO_BYTES_MAX: Final = 512 << 10
LOGO_PIXELS_MAX: Final = 4_000  # each way
