"""Formats of files other than pallets."""
