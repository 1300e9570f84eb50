"""In the client nothing is shown in a way that lets Qt guess whether a text is markup."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.architecture.source import Module, modules

GUESSING = frozenset({"setToolTip", "setWhatsThis", "setStatusTip", "setInformativeText", "QMessageBox"})
"""Qt guesses what their last argument is."""
GUESSING_ROLES = frozenset({"ToolTipRole", "WhatsThisRole", "StatusTipRole"})
LABELS = "bck_apps.gui.views.look"
"""Makes all labels, and tells each that its text is plain."""
MARKUP = frozenset(
    {
        "QErrorMessage", "QSplashScreen", "QSystemTrayIcon", "QTextBrowser", "QTextDocument", "QTextEdit",
        "QToolTip", "QWhatsThis", "QWizardPage", "appendHtml", "insertHtml", "setHtml", "setMarkdown",
        "setTextFormat", "showMessage",
    }
)  # fmt: skip
"""Shows markup, or texts in a way that this test knows nothing of."""
STATIC = frozenset({"about", "critical", "information", "question", "warning"})
"""Of QMessageBox: their texts are guessed at too."""


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _as_it_is(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Call) and _name(node.func) == "as_is"


def _own_words(node: ast.expr) -> bool:
    """A text of the client itself, with nothing put into it."""
    if isinstance(node, ast.Call):
        return _name(node.func) in ("texts", "_texts") and not node.keywords
    return isinstance(node, ast.Constant)


def _calls(module: Module) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call):
            yield _name(node.func), node


def _wrong_calls(module: Module) -> Iterator[str]:
    for name, call in _calls(module):
        guessed = name in GUESSING and not (len(call.args) > 0 and _as_it_is(call.args[-1]))
        other_label = name == "QLabel" and module.name != LABELS
        static = isinstance(call.func, ast.Attribute) and _name(call.func.value) == "QMessageBox"
        caption = name == "addRow" and not _own_words(call.args[0])  # makes a label itself
        if guessed or other_label or caption or (static and name in STATIC):
            yield f"{module.name}:{call.lineno}: {name}"


def _wrong_roles(module: Module) -> Iterator[str]:
    asked = [node for node in ast.walk(module.tree) if isinstance(node, ast.If)]
    answers = {
        id(part)
        for node in asked
        if isinstance(node.body[0], ast.Return) and _as_it_is(node.body[0].value)
        for part in ast.walk(node.test)
    }
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute) and node.attr in GUESSING_ROLES and id(node) not in answers:
            yield f"{module.name}:{node.lineno}: {node.attr}"


def _markup(module: Module) -> Iterator[str]:
    allowed = {"setTextFormat"} if module.name == LABELS else set()
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute | ast.Name) and _name(node) in MARKUP - allowed:
            yield f"{module.name}:{node.lineno}: {_name(node)}"


def wrong(module: Module) -> list[str]:
    """Where a text may be taken for markup."""
    return [*_wrong_calls(module), *_wrong_roles(module), *_markup(module)]


def test_no_text_in_the_client_may_be_taken_for_markup() -> None:
    read = modules("bck_apps.gui")
    assert len(read) > 30
    assert [place for module in read for place in wrong(module)] == []


def test_each_way_to_show_markup_is_found() -> None:
    text = """
tip.setToolTip(name)
leaf.setToolTip(0, name)
box = QMessageBox(icon, "title", name)
QMessageBox.warning(self, "title", as_is(name))
row = QLabel(name)
row.setTextFormat(rich)
page.setHtml(name)
item.setData(Qt.ItemDataRole.ToolTipRole, as_is(name))
form.addRow(texts("key", name=name), field)
if role == Qt.ItemDataRole.ToolTipRole:
    return name
"""
    template = modules("bck_apps.gui.main")[0]
    module = Module(name="x", path=template.path, text=text, tree=ast.parse(text))
    lines = {int(place.split(":")[1]) for place in wrong(module)}
    assert lines == set(range(2, 12))
