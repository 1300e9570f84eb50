"""An error in three sentences: what happened, what it means, what to do."""

from __future__ import annotations

from dataclasses import dataclass

from bck_apps.gui.problems import ClientError, SignInError
from bck_apps.gui.texts.catalogue import Texts

SIGN_IN_REFUSED = "sign-in-refused"
"""The server gives a wrong password and a missing right the same code; people need two texts."""
_SIGN_IN_CODES = ("access-denied", "http-401")


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What people see of an error; ``detail`` is another program's own words."""

    what: str
    meaning: str
    advice: str
    detail: str = ""

    def __str__(self) -> str:
        return "\n".join(part for part in (self.what, self.meaning, self.advice, self.detail) if part)


def explain(error: ClientError, texts: Texts) -> Explanation:
    """In the language of ``texts``. The server speaks English: what it says comes first there, and as
    detail below our own words elsewhere."""
    refused = isinstance(error, SignInError) and error.code in _SIGN_IN_CODES
    code = SIGN_IN_REFUSED if refused else error.code
    ours = _from_catalogue(code, texts, error.params)
    if texts.language == "en" and error.what:
        return Explanation(
            what=error.what,
            meaning=error.meaning or (ours.meaning if ours else ""),
            advice=error.advice or (ours.advice if ours else ""),
            detail=error.detail,
        )
    if ours is None:
        code = error.code.removeprefix("http-")
        ours = Explanation(
            what=texts("problem.unknown.what", code=code),
            meaning=texts("problem.unknown.meaning"),
            advice=texts("problem.unknown.advice"),
        )
    return Explanation(
        what=ours.what, meaning=ours.meaning, advice=ours.advice, detail=_in_other_words(error, texts)
    )


def _in_other_words(error: ClientError, texts: Texts) -> str:
    """What the server said, named as such, and what another program said."""
    said = " ".join(part for part in (error.what, error.meaning, error.advice) if part)
    parts = (texts("result.details", text=said) if said else "", error.detail)
    return " ".join(part for part in parts if part)


def _from_catalogue(code: str, texts: Texts, params: dict[str, str]) -> Explanation | None:
    if not texts.has(f"problem.{code}.what"):
        return None
    what, meaning, advice = (
        texts(f"problem.{code}.{part}", **params) for part in ("what", "meaning", "advice")
    )
    return Explanation(what=what, meaning=meaning, advice=advice)
