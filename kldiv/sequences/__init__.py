"""Divergences of sequences, from the log probabilities of policies and language models."""
