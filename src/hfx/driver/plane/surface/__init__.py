"""Surfaces over the points of a plane: their coordinates, triangles, interpolation, and the lines at a level."""
