"""What is read of events: a whole log, as it is imported and as signals read it, or one lead's."""
