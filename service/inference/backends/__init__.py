"""What runs the network: one module a runtime, all behind `protocol.Backend`."""
