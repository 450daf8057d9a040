"""Whom a project bills."""
