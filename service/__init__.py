"""Action recognition over HTTP: upload -> decode -> clips -> batcher -> backend -> vote -> response."""
