"""From a trained run to one file that scores anywhere, and the scoring itself."""
