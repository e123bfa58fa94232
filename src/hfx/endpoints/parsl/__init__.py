"""The parsl engine: workers on Slurm, HTCondor, Kubernetes and this machine."""
