"""What the toolkit does, one function each; wires the rooms, owns files and progress."""
