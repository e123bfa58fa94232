"""Questions, the computations that are done for every hypothesis of a pallet: their interface, and CLs."""
