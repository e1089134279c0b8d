"""Entry points: `r3d-serve` and `r3d-classify`."""
