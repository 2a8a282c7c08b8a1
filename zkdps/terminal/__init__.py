"""What a person sees on a terminal: tables, progress, pictures."""
