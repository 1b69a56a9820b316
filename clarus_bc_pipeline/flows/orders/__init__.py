"""Orders: BigCommerce to Clarus once payment is confirmed, and locked from then on."""
