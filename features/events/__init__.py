"""What happened: the log of events by lead, in time order, and how files become one."""
