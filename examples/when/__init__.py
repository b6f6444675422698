"""Goals by their date: dates, crosses, and a split by time."""
