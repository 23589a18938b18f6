"""The routes that take events, and what is refused at them."""
