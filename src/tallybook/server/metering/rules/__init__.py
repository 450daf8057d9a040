"""Every decision of metering, as pure functions."""
