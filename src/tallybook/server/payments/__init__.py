"""What customers paid: payments, refunds, and their states."""
