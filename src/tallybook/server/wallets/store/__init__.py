"""All of wallets' SQL."""
