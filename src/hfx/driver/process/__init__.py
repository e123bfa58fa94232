"""This process: its cores, signals, garbage collection, and the compilation of kernels before a scan."""
