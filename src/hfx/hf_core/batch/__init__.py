"""A compiled batch of hypotheses: parameters, tables of samples, and the fits that are asked of them."""
