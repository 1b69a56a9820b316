"""The catalogue: one SKU, one product code, the same in the shop and in the warehouse."""
