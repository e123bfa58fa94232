"""The types of the arrays that the kernels take."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["AnyArray", "Array", "Flags", "Index", "Kinds"]

Array = NDArray[np.float64]
Index = NDArray[np.int64]
Flags = NDArray[np.bool_]
Kinds = NDArray[np.int8]
AnyArray = Array | Index | Flags | Kinds
