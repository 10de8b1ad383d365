"""Events to series to evidence to alerts, and the store that makes them true."""
