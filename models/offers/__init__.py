"""Which offer to make: what is allowed, what each would change, the policy that chooses."""
