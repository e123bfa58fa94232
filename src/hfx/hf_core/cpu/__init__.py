"""The compiled kernel of the CPU: likelihood, derivatives and minimisation of one fit after another (numba)."""
