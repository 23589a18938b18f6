"""Work on leads as a whole: what people do with them by buttons and for good, and who is one."""
