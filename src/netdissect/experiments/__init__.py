"""Experiments: a network dissected more than once."""
