"""The functions that a worker runs: pure and versioned, from a JSON task to a JSON result."""
