"""The command ``hfx``: a module for each group of commands."""
