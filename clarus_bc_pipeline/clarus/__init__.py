"""Clarus WMS's API as this project uses it: one client, then one module a resource.

What belongs here: calls, paging, wire formats. What does not: decisions, the ledger, Dagster.
"""
