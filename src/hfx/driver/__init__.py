"""The driver: what to run, where the results are kept, what is shown of them. Import its modules directly."""
