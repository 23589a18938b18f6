"""Arms that leads were put into by lot: compared as they were put, however often one looks."""
