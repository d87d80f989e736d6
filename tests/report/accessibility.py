"""What keeps people from using a page."""

from axe_playwright_python.sync_playwright import Axe


def barriers(page, rules=()):
    """What axe finds in the page that is serious, by all its rules or some: rule, element, and why."""
    options = {"preload": False, **({"runOnly": {"type": "rule", "values": list(rules)}} if rules else {})}
    return [
        (one["id"], one["nodes"][0]["html"][:200], one["nodes"][0].get("failureSummary"))
        for one in Axe().run(page, options=options).response["violations"]
        if one["impact"] in ("serious", "critical")
    ]
