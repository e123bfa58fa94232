"""Texts in pictures: titles, labels, names of particles."""
