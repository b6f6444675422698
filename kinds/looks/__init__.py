"""Looks of a column of rows: what its values are like, and what a kind makes of them, and why.

For a first spec (`--infer`). A column has the facts; a kind of input or head takes the look that
suits it (`could_be`) and says what speaks for it and what against. NumPy and pyarrow only.
"""
