"""The page of a run in the browser."""
