"""Meters, event keys and rows, counters, windows, raw-event queries."""
