"""Tennis matches 1968-2024: every kind of feature and of target, and real dirt."""
