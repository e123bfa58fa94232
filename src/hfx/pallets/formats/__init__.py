"""Files of a pallet in other formats than workspaces and patches."""
