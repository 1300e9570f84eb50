"""The one big button, and what became of it: progress, connection, result."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QPushButton, QVBoxLayout, QWidget

from bck_apps.gui.as_is import as_is
from bck_apps.gui.texts import Texts
from bck_apps.gui.viewmodels.profile_page import ProfilePage
from bck_apps.gui.viewmodels.standing import State
from bck_apps.gui.views.look import GAP, WIDE, ElidedLabel, as_primary, label
from bck_apps.gui.views.notice import Notice
from bck_apps.gui.views.password_dialog import PasswordDialog


class RunPanel(QWidget):
    """Back up now, Stop, a bar that does not lie, and the verdict."""

    def __init__(self, page: ProfilePage, texts: Texts, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._page = page
        self._texts = texts
        self.start = QPushButton(texts("page.back-up"))
        self.start.clicked.connect(self._back_up)
        self.stop = QPushButton(texts("page.stop"))
        self.stop.clicked.connect(page.run.stop)
        for button in (self.start, self.stop):
            button.setMinimumHeight(2 * button.fontMetrics().height() + 2)
        font = self.start.font()
        font.setBold(True)
        self.start.setFont(font)
        self.start.setMinimumWidth(self.start.sizeHint().width() + 2 * WIDE)
        self.why = label()
        self.why.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.headline = label()
        self.facts = label()
        self.file = ElidedLabel()
        self.hint = label(texts("page.goes-on"))
        for quiet in (self.file, self.hint):
            quiet.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self.enrolment, self.lost = Notice(texts), Notice(texts)
        self.note, self.problem, self.verdict = (Notice(texts, closable=True) for _ in range(3))
        for closable in (self.note, self.problem, self.verdict):
            closable.dismissed.connect(page.run.dismiss)
        self._build()
        self.render_run()

    def _build(self) -> None:
        buttons = QHBoxLayout()
        buttons.setSpacing(GAP)
        buttons.addWidget(self.start)
        buttons.addWidget(self.stop)
        buttons.addWidget(self.why, 1, Qt.AlignmentFlag.AlignVCenter)
        self.moving = QWidget()
        moving = QVBoxLayout(self.moving)
        moving.setContentsMargins(0, 0, 0, 0)
        moving.setSpacing(4)
        for part in (self.headline, self.bar, self.facts, self.file, self.hint):
            moving.addWidget(part)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GAP)
        column.addLayout(buttons)
        for widget in (self.enrolment, self.moving, self.note, self.lost, self.problem, self.verdict):
            column.addWidget(widget)

    def _back_up(self) -> None:
        host = self._page.host
        if host is None or not self._page.needs_password:
            self._page.back_up()
            return
        dialog = PasswordDialog(host, self._texts, self)
        dialog.given.connect(self._page.back_up)
        dialog.open()

    def render_run(self) -> None:
        """Show the run as it is now."""
        page, run, texts = self._page, self._page.run, self._texts
        why = page.why_not
        self.start.setEnabled(why is None)
        as_primary(self.start)
        self.stop.setVisible(run.active)
        self.stop.setEnabled(page.can_stop)
        self.stop.setText(texts("page.stopping") if run.stopping else texts("page.stop"))
        self.why.setText("" if why is None or run.active else texts.say(why))
        self.start.setToolTip(as_is(texts.say(why) if why else ""))
        self.start.setAccessibleDescription(texts.say(why) if why else "")
        self.moving.setVisible(run.active)
        if run.active:
            self._render_progress()
        if run.active and run.lost:
            self.lost.say(State.OFFLINE, texts("progress.lost"))
        else:
            self.lost.hide()
        self._render_words()
        self.problem.show_error(run.problem)
        self.verdict.show_verdict(run.verdict)

    def _render_words(self) -> None:
        page, texts = self._page, self._texts
        if page.enrolment:
            title, *lines = (texts.say(phrase) for phrase in page.enrolment)
            self.enrolment.say(State.OVERDUE, title, "\n".join(lines))
        else:
            self.enrolment.hide()
        self.note.show_note(page.run.note)

    def changeEvent(self, event: QEvent) -> None:
        """Colour the button anew for another palette."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "start"):
            as_primary(self.start)

    def _render_progress(self) -> None:
        progress, texts = self._page.run.progress, self._texts
        if progress.percent is None:
            self.bar.setRange(0, 0)
        else:
            self.bar.setRange(0, 100)
            self.bar.setValue(progress.percent)
        # Lines break between facts, never between a number and its unit.
        facts = "\u00a0· ".join(texts.say(fact).replace(" ", "\u00a0") for fact in progress.facts)
        self.headline.setText(texts.say(progress.headline))
        self.facts.setText(facts)
        self.file.set_whole(progress.current_file)
        self.facts.setVisible(bool(facts))
        self.file.setVisible(bool(progress.current_file))
        self.bar.setAccessibleName(texts.say(progress.headline))
        self.bar.setAccessibleDescription(facts)
