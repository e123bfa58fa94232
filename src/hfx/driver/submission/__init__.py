"""Scans that run on their own: submitted as a batch job, or as a process that does not need the terminal."""
