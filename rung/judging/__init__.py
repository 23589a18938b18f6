"""Verbs that judge: scores of others, policies, what calling brings."""
