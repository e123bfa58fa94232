"""Planning and running a scan: from a pallet and options to the records in a run's folder."""
