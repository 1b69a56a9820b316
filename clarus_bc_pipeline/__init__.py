"""Keeps Clarus WMS and BigCommerce telling the same story."""
