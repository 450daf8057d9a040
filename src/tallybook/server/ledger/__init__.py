"""Double entry, append only: accounts, postings, and the keys of money that are unique for ever."""
