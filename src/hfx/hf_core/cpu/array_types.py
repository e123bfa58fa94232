"""The types of the arrays that the kernels take."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["Array", "Flags", "Index"]

Array = NDArray[np.float64]
Index = NDArray[np.int64]
Flags = NDArray[np.bool_]
