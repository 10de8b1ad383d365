"""What happened, as everybody here speaks of it: events, facts, feeds, messages, periods."""
