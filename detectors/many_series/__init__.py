"""Many series at once: e-detectors, online false discovery rates, and scans for clusters.

Where to find what, as ``module.name`` within this package:

e-detectors, SR and CUSUM form         ``e_detectors.EDetector``, ``e_detectors.detect``
e-detectors of counts                  ``count_ratios.CountEDetector``
subset mixture                         ``subset_mixture.SubsetMixture``,
                                       ``subset_mixture_counts.CountSubsetMixture``
e-BH, e-d-BH, e-d-Bonferroni           ``multiple_e_values.e_bh``,
                                       ``multiple_e_values.StreamBank``
LORD++, SAFFRON, ADDIS                 ``online_fdr.Lord``, ``online_fdr.Saffron``,
                                       ``online_fdr.Addis``
LOND, e-LOND, alpha-spending           ``online_spending.Lond``, ``online_spending.ELond``
LORD 1, 3 and dependent                ``lord_recent.RecentLord``
Kulldorff's scan                       ``scan.scan``, ``scan_zones.natural_zones``
scan of beginnings, Naus's kind        ``beginnings.scan_beginnings``
Fisher, Stouffer, Mei and other rules  ``channel_rules.ChannelRule``
Gamma-Poisson, Beta-binomial, Normal   ``shrinkage.gamma_poisson``, ``shrinkage.normal``
"""
