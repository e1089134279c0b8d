"""Test videos for `benchmarks.camera_motion`: known camera movements, rendered in another way than for training."""
