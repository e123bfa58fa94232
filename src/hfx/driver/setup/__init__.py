"""Checks and preparation of this machine and of endpoints."""
