"""The SQL of costs and of budgets."""
