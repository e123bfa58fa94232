"""A question that hfx does not know: the number of signal events that each hypothesis expects."""
