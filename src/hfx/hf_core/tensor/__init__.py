"""The batched kernel: likelihood, derivatives and minimisation of all fits at once (torch, CPU or GPU)."""
