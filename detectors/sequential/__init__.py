"""Sequential tests: charts that accumulate evidence point by point, and how long they run.

Where to find what, as ``module.name`` within this package:

Gaussian CUSUM                       ``cusum_gaussian.GaussianCusum``,
                                     ``cusum_gaussian.gaussian_cusum``
Poisson and negative binomial CUSUM  ``likelihood_cusum.PoissonCusum``,
                                     ``likelihood_cusum.NegativeBinomialCusum``
Bernoulli and binomial CUSUM         ``likelihood_cusum_proportions.BinomialCusum``
Lucas's CUSUM of counts              ``cusum_counts.CountCusumChart``
CUSUM of transformed counts (Rossi)  ``cusum_transformed.TransformedCountCusum``
risk-adjusted CUSUM                  ``risk_adjusted_cusum.RiskAdjustedCusum``
VLAD                                 ``vlad.Vlad``, ``vlad.vlad``
categorical CUSUM                    ``categorical_cusum.CategoricalCusum``
EWMA, fixed and exact limits         ``ewma.Ewma``, ``ewma.ewma``
GLR, Poisson and negative binomial   ``glr.GlrChart``, ``glr.glr``
SPRT and resetting SPRT              ``sprt.Sprt``, ``sprt.sprt``
MaxSPRT and its critical values      ``maxsprt.PoissonMaxSprt``,
                                     ``maxsprt_levels.poisson_critical_value``
"""
