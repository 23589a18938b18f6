"""What people do with leads: by the buttons of the pages, and for good."""
