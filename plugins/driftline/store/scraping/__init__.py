"""What one scrape reads of the store: the newest state of everything, in one read-only snapshot."""

from driftline.store.scraping.bounds import FEATURES_PER_MODEL, FEATURES_TOGETHER, RECENT, VERSIONS_PER_MODEL
from driftline.store.scraping.scrape import Scrape, read_scrape

__all__ = ["FEATURES_PER_MODEL", "FEATURES_TOGETHER", "RECENT", "VERSIONS_PER_MODEL", "Scrape", "read_scrape"]
