"""Statistics on series: charts, sequential evidence, baselines, budgets.

Pure functions and small value objects over NumPy arrays. Nothing here knows of
Kafka, SQL, HTTP, the wall clock or any organisation.

Each family says where its methods are (``help(detectors.charts)`` and so on):

``charts``         control charts, their rules and icons, funnel plots
``sequential``     CUSUM, EWMA, VLAD, GLR, SPRT, MaxSPRT
``run_lengths``    how long these run, and thresholds for a wanted run length
``surveillance``   Farrington, Noufaily, EARS and others
``drift``          change points, drift, unusual weeks
``many_series``    e-detectors, false discoveries, scans, shrinkage
``evidence``       what raises alerts on counts, its fit and calibration; nowcasts
``single_series``  what raises alerts on shares, measurements, silence and gaps
``bank``           many charts at once, in columns
``conformance``    what every detector promises, as checks
"""
