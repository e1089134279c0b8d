"""Action recognition over HTTP: upload -> decode -> clips -> batcher -> backend -> vote -> response."""

__version__ = "0.2.0"
