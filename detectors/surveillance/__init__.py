"""Surveillance of infectious diseases: bounds for a count from the same season of past years."""
