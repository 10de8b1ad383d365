"""Statistics on series: charts, sequential evidence, baselines, budgets.

Pure functions and small value objects over NumPy arrays. Nothing here knows of Kafka, SQL,
HTTP, the wall clock or any organisation. Where to look, each with a map of its own:

``evidence``       what raises alerts on counts: a change over several feeds of a unit
``single_series``  what raises alerts on one series: shares, measurements, silence, rare events
``charts``         what people read: control charts, their rules and icons, funnel plots
``drift``          monitors shown beside the evidence: change points, drift, unusual weeks
``sequential``     CUSUM, EWMA, likelihood-ratio charts and tests of one series
``run_lengths``    how long such charts run, and thresholds for a wanted run length
``surveillance``   a count against the same season of past years
``many_series``    guarantees over many series: e-detectors, false discoveries, scans, shrinkage
``bank``           the common charts over very many series at once

What they share: ``arrays`` (names of arrays), ``compiled`` (the door to numba), ``demands``
(what a setting must be), and ``conformance`` with ``conformance_watch``, the promises that
every detector keeps. A detector comes as a class with ``update(observation)`` and as a
function over whole series; both say the same. A missing observation is NaN. A setting or an
observation that cannot be is refused at once, by name, with ``ValueError``.
"""
