"""The mathematics of HistFactory: specification, compiled batched model, fits, test statistics.

Import the modules directly: ``specification`` and ``decoding`` need numpy alone, the others numba, and ``tensor`` torch.
"""
