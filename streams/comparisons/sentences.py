"""Every sentence a comparison may say, in one table.

The words are a safety control, as those of alerts are: a unit that lies beyond the limits
is worth a check, and the difference may have a cause that is no fault of anybody's.
"""

from __future__ import annotations

POSITIONS = {
    ("much_higher", "concern"): (
        "Higher than expected among peers. Please check what may be behind it."
    ),
    ("much_higher", "improvement"): (
        "Higher than expected among peers, which may be better. It may be worth learning from."
    ),
    ("much_higher", "neutral"): (
        "Higher than expected among peers. Neither way is better by itself: "
        "please check what may be behind it."
    ),
    ("higher", "concern"): "A little higher than most peers; that may be chance.",
    ("higher", "improvement"): "A little higher than most peers; that may be chance.",
    ("higher", "neutral"): "A little higher than most peers; that may be chance.",
    ("within", "neutral"): "As expected among peers.",
    ("lower", "concern"): "A little lower than most peers; that may be chance.",
    ("lower", "improvement"): "A little lower than most peers; that may be chance.",
    ("lower", "neutral"): "A little lower than most peers; that may be chance.",
    ("much_lower", "concern"): (
        "Lower than expected among peers. Please check what may be behind it."
    ),
    ("much_lower", "improvement"): (
        "Lower than expected among peers, which may be better. It may be worth learning from."
    ),
    ("much_lower", "neutral"): (
        "Lower than expected among peers. Neither way is better by itself: "
        "please check what may be behind it."
    ),
}
TOO_SMALL = (
    "Too small to compare: at least {minimum:.0f} events have to be expected, here {expected} are."
)
TOO_FEW_WITHOUT = (
    "Too small to compare: at least {minimum:.0f} without the event have to be expected, "
    "here {expected} are."
)
CONTRADICTORY = "Not compared: more events than cases. Please check the numbers that were sent."
HELD_BACK = "Small numbers, not shown and not compared."

INFORMS = (
    "This informs. It raises no alert and spends no part of the alert budget: peers may differ "
    "in their patients and their work, so a position here asks for a check and proves nothing."
)
WIDENED = (
    "The scores of these {kind}s vary {phi} times as much as chance alone would have them, so "
    "the limits are widened by the spread between units."
)
FAR_APART = (
    "Here differences between units make the limits far more than chance does: it may be asked "
    "whether they are peers."
)
PLAIN = (
    "These {kind}s vary no more than chance alone would have them; the limits are those of chance."
)
OVERVIEW = (
    "Of {units} compared, {beyond} beyond the outer limits; by chance alone it "
    "would be about {share}."
)
OVERVIEW_WIDENED = (
    "Of {units} compared, {beyond} beyond the outer limits; of as many that differ "
    "only as these peers do it would be about {share}."
)
SMALL_ONES = " {number} more {are} too small to compare."
NEUTRAL = (
    "More reports are not worse care, and fewer are not better: neither way is a concern here."
)
LEFT_OUT_HELD = "{number} with small numbers are left out, so the centre may lie too high."
HIDDEN = (
    "The centre and the limits are those of {units} {kind}s of {providers} providers; only your "
    "own are shown."
)
OWN_ONLY = (
    "Compared with your own {kind}s only: with fewer than {fewest} other providers, the "
    "limits could tell of one of them."
)
NONE_OF_OWN = (
    "None of your own {kind}s have numbers in this window, so that there is nothing to show."
)
TOO_FEW_UNITS = (
    "Fewer than {fewest} {kind}s have numbers in this window (there are {found}{held}). How "
    "much units differ cannot be told from so few."
)
OF_THEM_HELD = ", and {number} with small numbers that are not shown"
TOO_FEW_LARGE = (
    "Fewer than {fewest} {kind}s are large enough to compare (there are {found} of "
    "{all}): at least {minimum:.0f} events have to be expected in each."
)
TRY_LONGER = "A longer window or {levels} may do."
TRY_LEVELS = "{levels} may do."
