"""What all pages share: words, what stands around them, forms, and how a page becomes an answer."""
