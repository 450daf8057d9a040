"""Money, periods, ids, errors, limits and the clock: small, pure, imports nothing of ours."""
