"""The process that runs a scan: its cores, signals, garbage collection, and the compilation of kernels before a scan."""
