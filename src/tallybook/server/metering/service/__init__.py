"""The door of metering, a file per noun."""
