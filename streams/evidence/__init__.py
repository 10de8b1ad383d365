"""From histories to signals: everything a provider's series say, and the alerts it gives."""
