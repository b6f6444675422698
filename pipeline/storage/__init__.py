"""Files of this machine and of object stores, and what happens when a disk is full."""
