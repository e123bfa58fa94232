"""The jobs that a worker runs: a module for each question."""
