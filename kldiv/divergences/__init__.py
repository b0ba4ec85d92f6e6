"""Divergences of two distributions, of arrays of weights, and of all pairs of two batches."""
