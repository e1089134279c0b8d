"""A file to clips: each video in a confined process of its own; both ends of that process."""
