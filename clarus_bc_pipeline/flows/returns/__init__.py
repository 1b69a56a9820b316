"""Returns: what comes back is received and inspected before anybody is refunded, once."""
