"""The engine of Globus Compute endpoints, and the login to Globus."""
