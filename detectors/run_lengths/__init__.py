"""Run lengths of sequential charts: how often they signal by chance, how soon in truth."""
