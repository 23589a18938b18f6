"""The pages of experiments: which way works, how sure that is, and whether a policy may serve."""
