"""The way of a window: extract, check, decide, act. Joins the pure rooms with the log and the store."""
