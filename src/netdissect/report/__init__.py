"""The page of a run, drawn from its saved result: no network, no dataset, and nothing fetched when it is opened."""

from netdissect.report.render import write_report

__all__ = ["write_report"]
