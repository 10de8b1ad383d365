"""The places of the simulated region: invented hospitals under real regions of England."""

from __future__ import annotations

WARD_NAMES = ("Ash", "Birch", "Cedar", "Elm", "Hazel", "Juniper", "Larch", "Maple", "Oak", "Rowan")
TRUST_NAMES = (
    "Northmoor", "Saltmarsh", "Whinfell", "Ashcombe", "Ridgewater",
    "Calderbeck", "Thornley", "Westhaven", "Eastbrook",
)  # fmt: skip
SITE_NAMES = (
    "General Hospital", "Royal Infirmary", "Community Hospital", "Park Hospital", "St Hilda's",
    "Victoria Hospital", "Memorial Hospital", "Lodge", "Hillside",
)  # fmt: skip
#: Two invented integrated care boards, each under a region that exists.
BOARDS = (("QZ1", "Moorland ICB (simulated)", "Y63"), ("QZ2", "Estuary ICB (simulated)", "Y62"))


def provider_code(provider: int) -> str:
    """``RZ1`` to ``RZ9``, codes that no NHS trust has."""
    return f"RZ{provider + 1}"


def site_code(provider: int, site: int) -> str:
    """An ODS-shaped site code: the provider's and two digits."""
    return f"{provider_code(provider)}{site + 1:02d}"


def organisation_file(providers: int, sites: int) -> str:
    """The region's organisations in the format of an organisation file (CSV)."""
    lines = ["code,kind,name,parent,valid_from,valid_to"]
    lines += [f"{code},icb,{name},{region},," for code, name, region in BOARDS]
    for provider in range(providers):
        trust = TRUST_NAMES[provider]
        code, board = provider_code(provider), BOARDS[provider * len(BOARDS) // providers][0]
        lines.append(f"{code},provider,{trust} Hospitals (simulated),{board},,")
        lines += [
            f"{site_code(provider, site)},site,{trust} {SITE_NAMES[site]},{code},,"
            for site in range(sites)
        ]
    return "\n".join(lines) + "\n"
