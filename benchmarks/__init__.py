"""What the product is measured by; each file is a command that prints its figures."""
