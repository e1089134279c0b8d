"""Tells others that a job is over, by Standard Webhooks."""
