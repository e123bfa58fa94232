"""The modifiers of HistFactory and their interpolation codes."""
