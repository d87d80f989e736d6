"""Reports of runs, drawn from saved results: pages that need no network, no dataset, and no server."""

from netdissect.report.render import write_report

__all__ = ["write_report"]
