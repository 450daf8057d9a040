"""The blocking client, made from `_async`."""
