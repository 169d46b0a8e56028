"""What a person has yet to say before something can be done."""


class WantingError(ValueError):
    """Nothing was done; `key` of the catalogue tells the person what is missing."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key
