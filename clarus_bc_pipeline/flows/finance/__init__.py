"""Finance: orders, payments, despatches and refunds tied to 0.00, the journal, and the pack."""
