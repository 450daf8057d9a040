"""What crosses the network, a file per resource. Imports nothing of ours."""
