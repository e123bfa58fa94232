"""What a worker runs: pure, versioned functions from a JSON task to a JSON result."""
