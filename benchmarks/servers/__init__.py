"""Servers that the benchmarks measure this project against."""
