"""The input `date`: a point in time, by parts of the calendar."""
