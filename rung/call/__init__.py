"""What verbs share: how they are called, what they read, and how they tell what came of it."""
