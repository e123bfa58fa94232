"""Engines of this machine: threads of this process, and worker processes."""
