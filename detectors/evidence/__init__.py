"""What raises an alert on counts: evidence of a change over several feeds, and its calibration.

Where to find what, as ``module.name`` within this package:

the procedure over several feeds           ``watch.watch``
why it alerted, and that made again        ``explain.explain``, ``explain.recompute``
fit of a fleet                             ``fleet.fit_fleet``
thresholds for a budget                    ``calibrate.calibrate``, ``model.EvidenceModel``
season of the year, trend, holidays        ``seasons.fit_course``, ``holidays.holiday_weeks``
shape of the week                          ``fleet.fit_week_shape``
rates, shrunken across units               ``rates.rate_prior``
dispersion, shrunken across units          ``fleet.fit_dispersions``
units that changed within their baseline   ``contamination.changed_units``
units whose baseline is unlike the peers'  ``peers.compare_with_peers``
reporting delay, and its correction        ``reporting_delay.ReportingDelay``,
                                           ``reporting_delay.nowcast``
ways of failing and of improving           ``patterns.rises``, ``patterns.falls``
fleets to try it on, and the oracle        ``simulate.simulate``, ``simulate.oracle_cusum``

Season, dispersion and rates are fitted to periods before the judged ones only; the least history
before a unit may alert is ``minimum_history`` of the model. Baselines of one look at many units,
with intervals, are in ``detectors.many_series.shrinkage``, comparison with a reference rate in
``detectors.charts.funnel`` and ``detectors.sequential.likelihood_cusum``.
"""
