"""Statistics on series: charts, sequential evidence, baselines, budgets.

Pure functions and small value objects over NumPy arrays. Nothing here knows of
Kafka, SQL, HTTP, the wall clock or any organisation.
"""
