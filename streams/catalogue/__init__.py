"""What is counted and where: indicators, what a fact adds to them, organisations."""
