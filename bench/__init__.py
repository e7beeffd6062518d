"""Benchmarks: the same work for Pinhole and for its peers, in the same run, on the same core."""
