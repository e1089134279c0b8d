"""A decoded frame to its crop: only the pixels that the resized crop looks at are read and converted."""
