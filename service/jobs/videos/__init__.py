"""The videos of jobs, until they are through."""
