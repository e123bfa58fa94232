"""The engine of Parsl: Slurm, HTCondor, Kubernetes and local workers."""
