"""Evidence on one series: shares, measurements, silence.

Where to find what, as ``module.name`` within this package:

shares (composition tests)           ``shares.watch_shares``, ``shares.share_change``
measurements                         ``measurements.watch_measurements``
silence of a unit, outage of a feed  ``silence.watch_silence``, ``silence.feed_outage``
gaps between rare events             ``gaps.watch_gaps``
"""
