"""Control charts that people read: limits, rules, icons, and the comparison of units.

Where to find what, as ``module.name`` within this package:

XmR, mr, i', p, np, u, c, g, t, Laney's p' and u'  ``chart.chart``, ``monitor.ChartMonitor``
XmR value by value, limits alone                   ``xmr.XmrMonitor``, ``xmr.xmr_limits``
xbar, R and S                                      ``subgroups.subgroup_chart``
NHS rules, three readings of 2 of 3                ``nhs_rules.find_signals``,
                                                   ``rule_walk.RuleWalk``
Western Electric and Nelson rules                  ``zone_rules.zone_signals``,
                                                   ``zone_monitor.ZoneMonitor``
Anhøj's run tests                                  ``anhoej.run_tests``,
                                                   ``anhoej.RunTestMonitor``
variation and assurance icons                      ``icons.variation_icon``,
                                                   ``icons.assurance_icon``
rebases with a reason                              ``rebases.Rebase``
funnel plots, SHMI and CQC                         ``funnel.funnel``,
                                                   ``funnel_scores.overdispersion``
reference rates with dates                         ``funnel_reference.reference_rates``
"""
