"""Formats of files other than workspaces and patches."""
