"""Units beside their peers: views over the stored histories, never states of their own."""
