"""What we know about a lead at an instant."""
