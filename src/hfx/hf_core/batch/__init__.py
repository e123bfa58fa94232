"""A compiled batch of hypotheses: parameters, tables of samples, and the interface of the kernels that fit them."""
