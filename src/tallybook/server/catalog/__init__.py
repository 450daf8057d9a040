"""Markets, currencies, plans and their prices, agents and their actions."""
