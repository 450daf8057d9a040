"""Subscriptions: a customer on a plan; its state, its periods, and the contract it runs on."""
