"""What a log says of a lead at an instant: one table of signals, one compiled fold."""
