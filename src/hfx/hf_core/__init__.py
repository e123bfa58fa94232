"""The mathematics of HistFactory: specification, compiled batched model, fits, test statistics.

Import the modules directly (``hfx.hf_core.specification`` needs numpy alone; the others need numba, and ``torch_kernel`` torch).
"""
