"""The Prometheus endpoint: the newest state of everything in exposition format, made from the tables at each scrape."""
