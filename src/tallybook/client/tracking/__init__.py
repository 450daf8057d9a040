"""Tracked events: a queue of what to send, driven by a thread or by a task."""

from .engine import Engine, EngineOptions
from .models import QueueStats, Reason
from .queue import QueueOptions
from .task import AsyncTracker
from .thread import Tracker

__all__ = [
    "AsyncTracker",
    "Engine",
    "EngineOptions",
    "QueueOptions",
    "QueueStats",
    "Reason",
    "Tracker",
]
