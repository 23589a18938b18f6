"""The pages for salespeople: the queue, and one lead. Rendered here, with hardly a script."""
