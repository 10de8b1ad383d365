"""The histories of one provider: columnar, changed by facts, read as series."""
