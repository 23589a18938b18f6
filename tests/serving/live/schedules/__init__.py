"""Random schedules of processes that crash: see `schedule`."""
