"""What raises an alert on counts: evidence of a change over several feeds of a unit.

Where to find what, as ``module.name`` within this package, in the order in which it is used:

a block of counts                         ``counts.FeedCounts``
fit of a fleet to its history             ``fleet.fit_fleet``; season, holidays and trend
                                          ``seasons.fit_course``, rates ``rates.rate_prior``,
                                          the common weekly effect ``common_effect.common_effect``
units that changed in their history,      ``contamination.changed_units``,
or are unlike their peers                 ``peers.compare_with_peers``
ways in which feeds change together       ``patterns.rises``, ``patterns.falls``
the fitted model and its thresholds       ``model.EvidenceModel``, ``calibrate.calibrate``
the formula of the evidence               ``statistic.accumulate``, ``statistic.onset_sums``
watching: alerts, episodes, resuming      ``watch.watch``; its paths ``crossings.WatchPath`` and
                                          ``kept.KeptPath``, compiled ``procedure.watch_block``
why an alert was raised                   ``explain.explain``, ``explain.recompute``
fleets made up for calibration and tests  ``simulate.simulate``
what is still being reported              ``reporting_delay.ReportingDelay``,
                                          ``reporting_delay.nowcast``
"""
