"""The client for ordinary code: its connections, what it does with jobs, and on top what it classifies."""

from .client import Client

__all__ = ["Client"]
