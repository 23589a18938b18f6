"""Files of events: each format as rows, which rows are fine, and what is said of the others."""
