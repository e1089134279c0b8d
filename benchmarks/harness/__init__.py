"""What the benchmarks share: servers under load, timing, figures."""
