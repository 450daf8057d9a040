"""Benchmarks: `make bench`. Ratios to limits measured in the same run, on the same machine."""
