"""Tests of surfaces over the points of a plane."""
