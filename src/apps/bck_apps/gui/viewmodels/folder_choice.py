"""Choose the folders of a profile: a draft beside what the server holds."""

from __future__ import annotations

from bck_apps.gui.folders import FolderError, normal_folder, require_disjoint
from bck_apps.gui.messages import Profile, Source
from bck_apps.gui.problems import ClientError
from bck_apps.gui.texts import Phrase
from bck_apps.gui.viewmodels.observable import Observable


class FolderChoice(Observable):
    """The draft. ``problem`` is what is wrong with the last entry, ``refusal`` what the server said."""

    def __init__(self, profile: Profile, *, editable: bool) -> None:
        super().__init__()
        self.editable = editable
        self.problem: Phrase | None = None
        self.refusal: ClientError | None = None
        self.saving = False
        self.saved = False
        self.from_config = False
        self._profile = profile
        self._folders = self._of(profile)
        self._compress = profile.compress

    @staticmethod
    def _of(profile: Profile) -> tuple[str, ...]:
        return tuple(source.path for source in profile.sources)

    @property
    def profile(self) -> Profile:
        """What the server holds."""
        return self._profile

    @property
    def folders(self) -> tuple[str, ...]:
        """The draft, in order."""
        return self._folders

    @property
    def compress(self) -> bool:
        """The draft's switch."""
        return self._compress

    @property
    def dirty(self) -> bool:
        """True if the draft is not what the server holds."""
        return self._folders != self._of(self._profile) or self._compress != self._profile.compress

    @property
    def bad(self) -> Phrase | None:
        """Why the list as a whole cannot be backed up; None if it can, or is empty."""
        try:
            require_disjoint(normal_folder(folder) for folder in self._folders)
        except FolderError as exc:
            return self._phrase(exc)
        return None

    @property
    def valid(self) -> bool:
        """True if at least one folder is there and all can be taken."""
        return bool(self._folders) and self.bad is None

    @property
    def can_save(self) -> bool:
        """True if there is something to save and it can be taken."""
        return self.editable and self.dirty and self.valid and not self.saving

    def add(self, text: str) -> bool:
        """Take a folder into the draft; False, with ``problem`` set, if it cannot be taken."""
        if not self.editable or self.saving:
            return False
        try:
            folder = normal_folder(text)
            require_disjoint((*self._folders, folder))
        except FolderError as exc:
            self.problem = self._phrase(exc)
            self._changed()
            return False
        self._edit((*self._folders, folder))
        return True

    def remove(self, index: int) -> None:
        """Take a folder out of the draft; what is backed up of it stays on the server."""
        if self.editable and not self.saving and 0 <= index < len(self._folders):
            self._edit(self._folders[:index] + self._folders[index + 1 :])

    def set_compress(self, on: bool) -> None:
        """Switch compression in the draft."""
        if self.editable and not self.saving and on != self._compress:
            self._compress = on
            self._edit(self._folders)

    def propose(self, folders: tuple[str, ...], compress: bool | None) -> None:
        """Take the draft from config.json, if it differs."""
        if not self.editable or self.dirty:
            return
        self._folders = folders or self._folders
        self._compress = self._compress if compress is None else compress
        self.from_config = self.dirty
        self._changed()

    def discard(self) -> None:
        """Back to what the server holds."""
        self.accept(self._profile)

    def accept(self, profile: Profile, *, saved: bool = False) -> None:
        """The server holds this now: the draft starts anew from it."""
        self._profile = profile
        self._compress = profile.compress
        self._edit(self._of(profile))
        self.saving, self.saved = False, saved
        self._changed()

    def refresh(self, profile: Profile) -> None:
        """News from the server; a draft is kept."""
        if profile == self._profile:
            return
        if self.dirty or self.saving:
            self._profile = profile
            self._changed()
        else:
            self.accept(profile, saved=self.saved)

    def changed_profile(self) -> Profile:
        """The profile as it shall be. A folder that was there before keeps its name in the backup."""
        before = {source.path: source for source in self._profile.sources}
        sources = tuple(before.get(folder, Source(path=folder)) for folder in self._folders)
        return self._profile.model_copy(update={"sources": sources, "compress": self._compress})

    def begin_saving(self) -> None:
        """The draft is under way to the server and cannot be edited."""
        self.saving, self.refusal = True, None
        self._changed()

    def refuse(self, error: ClientError) -> None:
        """The server would not have it; the draft stays for correction."""
        self.saving, self.refusal = False, error
        self._changed()

    def _edit(self, folders: tuple[str, ...]) -> None:
        self._folders = folders
        self.problem = self.refusal = None
        self.saved = self.from_config = False
        self._changed()

    @staticmethod
    def _phrase(error: FolderError) -> Phrase:
        return Phrase(error.code, {"path": error.path.strip(), "other": error.other})
