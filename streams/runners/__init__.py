"""What carries messages through the house: the engine, the embedded runner, the Faust worker."""
