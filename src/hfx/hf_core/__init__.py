"""The mathematics of HistFactory: specification, compiled batched model, fits, test statistics.

Import the modules directly: ``specification`` needs numpy alone, the others numba, and ``tensor`` torch.
"""
