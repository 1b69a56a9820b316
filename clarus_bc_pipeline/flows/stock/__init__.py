"""Stock: what Clarus can still sell shows in BigCommerce, never more, and is proven there."""
