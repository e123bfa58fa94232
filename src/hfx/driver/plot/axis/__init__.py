"""Axes of pictures: their labels and numbers."""
