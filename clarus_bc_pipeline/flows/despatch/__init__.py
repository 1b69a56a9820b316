"""Despatch: what Clarus sent comes back to BigCommerce as shipments with tracking, and is proven there."""
