"""Scans that are handed over to a batch job or to a background process."""
