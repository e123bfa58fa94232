"""Workspaces as JSON: the model that is made of one, and several that are hypotheses of one search."""
