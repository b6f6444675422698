// None: of a head without answers of a stated coverage.
() => ({})
