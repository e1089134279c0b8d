"""`python -m engine_builder` is `r3d-engine`."""

from .cli import main

main()
