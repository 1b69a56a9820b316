"""The ledger: Postgres, and all that is remembered. It knows no vendor's API and no Dagster (but for
`dagster_storage`)."""
