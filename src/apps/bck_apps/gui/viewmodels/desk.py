"""The whole client: signed out or at home, with its configuration and language."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Literal

from bck_apps.gui import config as files
from bck_apps.gui.api import Api
from bck_apps.gui.config import ClientConfig, ProfileConfig
from bck_apps.gui.messages import Session
from bck_apps.gui.pending import Pending, both, settled
from bck_apps.gui.problems import ClientError, ConfigError, SessionEndedError
from bck_apps.gui.texts import Phrase, Texts, language_of
from bck_apps.gui.viewmodels.home import Home
from bck_apps.gui.viewmodels.observable import Observable
from bck_apps.gui.viewmodels.sign_in import Connector, SignIn, SignInForm

LanguageChoice = Literal["auto", "en", "it"]


class Desk(Observable):
    """Tells its listeners when the page, the language or the notice changes; pages tell of themselves."""

    def __init__(
        self,
        *,
        config: ClientConfig,
        config_path: Path,
        connect: Connector,
        clock: Callable[[], datetime],
        new_key: Callable[[], str],
        system_language: str,
    ) -> None:
        super().__init__()
        self._path = config_path
        self._clock = clock
        self._new_key = new_key
        self._system_language = system_language
        self._api: Api | None = None
        self._farewell = settled(None)
        self.config = config
        self.notice: ClientError | None = None
        self.home: Home | None = None
        self.sign_in = SignIn(SignInForm.of(config), connect, self._signed_in, clock=clock)
        self.texts = self._texts()

    def _texts(self) -> Texts:
        return Texts(language_of(self.config.language, self._system_language))

    def choose_language(self, choice: LanguageChoice) -> None:
        """Speak another language from now on, and remember it."""
        if choice != self.config.language:
            self._keep(self.config.model_copy(update={"language": choice}))
            self.texts = self._texts()
            self._changed()

    def _signed_in(self, api: Api, session: Session, form: SignInForm) -> None:
        fields = {
            "endpoint": form.endpoint,
            "ca_file": form.ca_file,
            "ca_sha256": form.ca_sha256,
            "user": form.user,
        }
        self._api = api
        self._keep(self.config.model_copy(update=fields))
        self.home = Home(
            api,
            session,
            self.config,
            clock=self._clock,
            new_key=self._new_key,
            save_wanted=self._keep_profile,
            signed_out=self._over,
        )
        api.when_over(self._over)
        self._changed()
        self.home.refresh()

    def _keep_profile(self, wanted: ProfileConfig) -> None:
        self._keep(self.config.with_profile(wanted))

    def _keep(self, config: ClientConfig) -> None:
        """Use the configuration from now on, and write it if it is new."""
        if config == self.config:
            return
        self.config = config
        try:
            files.save(self._path, config)
        except ConfigError as error:
            self.notice = error
            self._changed()

    def dismiss_notice(self) -> None:
        """The person has read it."""
        self.notice = None
        self._changed()

    def _over(self, error: ClientError | None) -> None:
        why = error.why if isinstance(error, SessionEndedError) else "ended"
        self._leave(Phrase(f"sign-in.over.{why}"))

    def sign_out(self) -> None:
        """End the session. Backups that run go on at the server."""
        self._leave(Phrase("sign-in.signed-out"))

    def _leave(self, note: Phrase) -> None:
        if self.home is None:
            return
        self._end_session()
        self.sign_in.show(note)
        self._changed()

    def close(self) -> Pending[None]:
        """Stop everything under way here, let nobody in any more, and end every session that was begun.

        Settles when the server has heard of each of them, or does not answer in time.
        """
        self._end_session()
        self._farewell = both(self._farewell, self.sign_in.close())
        return self._farewell

    def _end_session(self) -> None:
        home, api = self.home, self._api
        self.home = self._api = None
        if home is not None:
            home.close()
        if api is not None:
            self._farewell = both(self._farewell, api.sign_out())
