"""Alerts that began together: views over the store, for one reader at a time."""
