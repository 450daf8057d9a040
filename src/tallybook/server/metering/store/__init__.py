"""All of metering's SQL."""
