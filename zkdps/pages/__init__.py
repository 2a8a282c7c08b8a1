"""Self-contained HTML pages of runs and model keys: records in, text out, nothing else touched."""
