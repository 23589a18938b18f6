"""Events from pages: which sites may send them, and what their clients ask for first."""
