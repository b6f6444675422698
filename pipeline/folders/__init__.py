"""Folders that stages publish: each has one owner, which names, writes and reads its files."""
