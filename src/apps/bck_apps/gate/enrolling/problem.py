"""How enrolling says that it did not come to its end."""


class EnrolError(Exception):
    """What happened, what it means, what to do; for people, not escaped yet: it may quote the server."""

    def __init__(self, what: str, *, meaning: str, advice: str) -> None:
        super().__init__(what)
        self.lines = (what, meaning, advice)
