"""What one process of the service holds, and does beside answering."""
