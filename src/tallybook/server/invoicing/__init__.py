"""What customers owe: lines, rounding, tax, states, numbers, and what explains each amount."""
