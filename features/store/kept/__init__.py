"""What Rung itself keeps beside the events: scores, marks and leases, notifications, reports."""
