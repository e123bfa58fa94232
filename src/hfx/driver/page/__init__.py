"""The page: a run's folder, watched in a browser. It reads the folder alone, and writes nothing."""
