"""Fits of a compiled batch: the model, runs of many fits, distinct minima, and the search for lower ones."""
