"""What raises an alert on one series: counts, shares, measurements, silence, rare events.

Where to find what, as ``module.name`` within this package:

shares (composition tests)           ``shares.watch_shares``, ``shares.share_change``
measurements                         ``measurements.watch_measurements``
counts of one sort of event          ``counts.watch_counts``
silence of a unit, outage of a feed  ``silence.watch_silence``, ``silence.feed_outage``
gaps between rare events             ``gaps.watch_gaps``
better reporting or a failing        ``culture_watch.weigh``, ``reporting_culture.culture``
what an episode rested on            ``explanation.explain_share``,
                                     ``recomputation.recompute_share``
episodes and their thresholds        ``episodes.SeriesEpisode``, ``episodes.bounds``
when a change may have begun         ``onsets.posterior``, ``onset_sums.stays_below``
watching on after a correction       ``paths.SeriesPath``, ``trails.Trail``
series made up for tests             ``simulated.achieved``

Each form of evidence has its formulae in a module of ``..._terms``.
"""
