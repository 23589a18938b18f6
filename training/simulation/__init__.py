"""Leads with planted truth: what a programme would see, and what is really so."""
