"""zkdps proves that a sharded model really ran."""
