"""Quality and speed against peers and public data. Reads all packages; imported by none."""
