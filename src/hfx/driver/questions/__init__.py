"""What can be asked of every hypothesis of a pallet."""
