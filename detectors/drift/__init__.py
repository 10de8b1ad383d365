"""Change points and drift: supporting monitors that are shown, not alerted on.

Where to find what, as ``module.name`` within this package:

Bayesian online change points (BOCPD)  ``bocpd.Bocpd``, ``bocpd.bocpd``
ADWIN, Page-Hinkley                    ``monitors.Adwin``, ``monitors.PageHinkley``
KSWIN                                  ``kswin.Kswin``
DDM, EDDM, HDDM, FHDDM                 ``error_monitors.Ddm``, ``error_monitors.HddmW``,
                                       ``error_monitors.Fhddm``
unusual weeks over several measures    ``anomaly.AnomalyMonitor``
"""
