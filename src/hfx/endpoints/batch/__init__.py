"""Job scripts and the commands of batch systems, for ``hfx submit``."""
