"""Results in the formats of other tools: CSV, workspaces, parameters, HEPData submissions, citations."""
