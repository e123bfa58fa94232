"""Checks of this machine and of endpoints, and the files that prepare nodes without a network."""
