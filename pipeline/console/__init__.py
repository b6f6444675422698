"""What commands print and log: progress, tables, JSON lines, and nothing of other libraries."""
