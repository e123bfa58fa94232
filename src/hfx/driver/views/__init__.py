"""Views of a run: terminal, notebook, closing table and browser page."""
