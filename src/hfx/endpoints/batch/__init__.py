"""Batch systems for ``hfx submit``: the files of the driver's job, and the commands that submit, list and end it."""
