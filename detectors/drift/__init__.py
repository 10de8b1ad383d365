"""Change points and drift: supporting monitors that are shown, not alerted on."""
