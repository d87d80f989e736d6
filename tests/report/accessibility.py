"""What keeps people from using a page."""

from axe_playwright_python.sync_playwright import Axe


def barriers(page):
    """What axe finds in the page that is serious: rule, element, and why."""
    return [
        (one["id"], one["nodes"][0]["html"][:200], one["nodes"][0].get("failureSummary"))
        for one in Axe().run(page, options={"preload": False}).response["violations"]
        if one["impact"] in ("serious", "critical")
    ]
