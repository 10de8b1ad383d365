"""A simulated region: hospitals that do not exist, with troubles whose dates are known."""
