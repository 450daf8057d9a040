"""Webhooks as they are received: verify, read, know what to do. Public: `tallybook.webhooks`."""
