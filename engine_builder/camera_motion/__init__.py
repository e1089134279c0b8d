"""The bundled model: an r3d_18 of width 8 that names the camera's movement, and the code that trains it."""
