"""Surveillance of infectious diseases: bounds for a count from the same season of past years.

Where to find what, as ``module.name`` within this package:

Farrington 1996, Flexible, Noufaily    ``farrington.farrington``,
                                       ``farrington_monitor.FarringtonMonitor``
their settings, compat="surveillance"  ``farrington_options.FarringtonOptions``
EARS C1, C2, C3                        ``ears.ears``, ``ears.EarsMonitor``
RKI, Bayes, CDC historical limits      ``historical.rki``, ``historical.bayes``,
                                       ``historical.cdc``
the same period by period              ``historical_monitors.RkiMonitor``
outbreakP                              ``outbreak_p.outbreak_p``, ``outbreak_p.OutbreakPMonitor``
"""
