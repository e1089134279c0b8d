"""Entry points on a Ray cluster (the `ray` extra): the service, and archives."""
