"""The ladder a business asks its leads to climb: its file, its words, advice on it."""
