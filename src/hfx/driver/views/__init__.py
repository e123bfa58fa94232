"""Views of a run: terminal, notebook, summary table and browser page."""
