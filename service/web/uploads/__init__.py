"""A request's body to a private file, or read past."""
