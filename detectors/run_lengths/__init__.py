"""Run lengths of sequential charts: how often they signal by chance, how soon in truth.

Where to find what, as ``module.name`` within this package:

Gaussian CUSUM                    ``gaussian.gaussian_cusum_run_length``
EWMA                              ``ewma.ewma_run_length``
CUSUM of counts, exact            ``counts.count_cusum_run_length``
Brook-Evans chain, exact lattice  ``chains.brook_evans_chain``, ``chains.lattice_chain``
risk-adjusted and other mixtures  ``mixtures.mixture_cusum_run_length``
Western Electric rules            ``rules.weco_run_length``
simulation with its error         ``simulated.simulated_run_length``
thresholds for a run length       ``thresholds.threshold_for``
p-values of a CUSUM               ``p_values.cusum_steady_state_p_value``
"""
