"""The page of one lead: what to do now, how likely it is and why, and all that happened."""
