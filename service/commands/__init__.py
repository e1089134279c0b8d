"""Entry points: `r3d-serve`, `r3d-classify` and `r3d-evaluate`."""
