"""The bundled model: an r3d_18 of width 8 that names the camera's movement, and the code that trains it."""

from pathlib import Path

WEIGHTS = Path(__file__).with_name("camera_motion.wts")
LABELS = Path(__file__).with_name("labels.txt")
# A clip whose top probability is less is unsure: see the model card.
SURE = 0.6
