"""The client for asyncio: its connections, what it does with jobs, and on top what it classifies."""

from .client import AsyncClient

__all__ = ["AsyncClient"]
