"""Alerts among people: their life, what may be shown of them, and how one is made again."""
