"""Many leads scored together: all of them, or those with news, and the rows that are kept."""
