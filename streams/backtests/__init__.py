"""Backtests: the production evidence over files, stored histories and named scenarios."""
