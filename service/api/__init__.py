"""The wire contract, shared by the server, its clients and results files. No web framework."""
