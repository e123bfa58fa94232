"""A target that does by its seed all that none should do, for the test of the frame."""

import os
import time

QUICK, OUTCOMES = 0, set[str]()


def attempt(seed: int) -> str:
    """1 is right; 2 raises, 3 hangs, 4 dies, 5 takes too much memory; 6 is right again."""
    match seed:
        case 2:
            raise KeyError("what is not there")
        case 3:
            time.sleep(600)
        case 4:
            os._exit(9)
        case 5:
            bytearray(3 << 30)
    return "right"
